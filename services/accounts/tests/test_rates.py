"""Aggregate `rates`, and its handlers on a real database."""

from __future__ import annotations

import json

from accounts.domain.rates import Rates, decider
from accounts.handlers.rates import RateHandlers
from contracts.message import Metadata
from contracts.rates import ConfigureRates, GetRateSettings, RatesConfigured
from eventlog.log import EventLog
from eventlog.scenario import Scenario

KUCOIN = RatesConfigured(source="kucoin", quote_token="USDT", quote_symbol="$")


def test_what_is_given_changes_and_the_rest_stays() -> None:
    changed = Scenario(decider).when(ConfigureRates(source="kucoin")).then(KUCOIN)
    changed.when(ConfigureRates(quote_token="EUR", quote_symbol="€")).then(
        RatesConfigured(source="kucoin", quote_token="EUR", quote_symbol="€")
    )


def test_what_holds_already_changes_nothing() -> None:
    Scenario(decider).when(ConfigureRates(source=Rates().source)).then()
    Scenario(decider).given(KUCOIN).when(ConfigureRates(source="kucoin", quote_symbol="$")).then()


async def test_the_choice_is_kept(database_url: str) -> None:
    log = EventLog(database_url, context="accounts")
    await log.start()
    try:
        handlers = RateHandlers(log)
        before = json.loads((await handlers.settings(GetRateSettings(), Metadata())).body)
        assert before == {"source": "binance", "quote_token": "USDT", "quote_symbol": "$", "changed": []}
        same = Metadata()
        first = await handlers.configure(ConfigureRates(source="kucoin", quote_token="EUR"), same)
        assert first.changed == ("source", "quote_token")
        assert await handlers.configure(ConfigureRates(source="kucoin", quote_token="EUR"), same) == first
        assert (await handlers.configure(ConfigureRates(source="kucoin"), Metadata())).changed == ()
        after = json.loads((await handlers.settings(GetRateSettings(), Metadata())).body)
        assert (after["source"], after["quote_token"]) == ("kucoin", "EUR")
    finally:
        await log.stop()
