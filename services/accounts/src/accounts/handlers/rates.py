"""The settings of rates: one command, one query."""

from __future__ import annotations

from contracts.message import Metadata
from contracts.rates import ConfigureRates, GetRateSettings, RatesConfigured, RateSettings
from eventlog.execute import execute, load
from eventlog.log import EventLog
from service_kit.changes import Keepable

from accounts.domain.rates import RATES_STREAM, Rates, decider


class RateHandlers:
    """Rates themselves are computed by market-data."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def configure(self, command: ConfigureRates, metadata: Metadata) -> RateSettings:
        """Choose. A repeat answers what it answered the first time."""
        executed = await execute(self._log, decider, RATES_STREAM, command, metadata)
        return _settings(executed.state, tuple(_changed(command, executed.events)))

    async def settings(self, _query: GetRateSettings, _metadata: Metadata) -> Keepable:
        """What holds now."""
        state, _ = await load(self._log, decider, RATES_STREAM)
        return Keepable(_settings(state).model_dump_json().encode())


def _settings(state: Rates, changed: tuple[str, ...] = ()) -> RateSettings:
    return RateSettings(source=state.source, quote_token=state.quote_token, quote_symbol=state.quote_symbol, changed=changed)


def _changed(command: ConfigureRates, events: tuple[RatesConfigured, ...]) -> list[str]:
    """The fields that were given, when something changed."""
    return [name for name, value in command.model_dump().items() if value is not None] if events else []
