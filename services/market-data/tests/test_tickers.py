"""Tickers and rates: what is asked of the exchanges, what is answered when one fails, and at the sandbox exchange."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from contracts.message import Metadata
from contracts.rates import GetRate, GetTickers, ListRatePrices, ListRateSources, RateSourceUnknown, RateUnknown, ResolveRates
from contracts.rejections import Unavailable
from engine_kit import public
from market_data.adapters.loading import Loading
from market_data.adapters.tickers import ANSWERS, KEYLESS, EngineTickers, Ticker, engine_sources
from market_data.handlers.tickers import Tickers


class FakeSource:
    """Two exchanges in memory, one of which can be down."""

    def __init__(self) -> None:
        self.told = {
            "binance": {
                "BTC-USDT": Ticker(Decimal(50000), Decimal("12.5"), Decimal(625000)),
                "USDT-TRY": Ticker(Decimal(40)),
                "ETH-BTC": Ticker(Decimal("0.06")),
            },
            "kucoin": {"BTC-USDT": Ticker(Decimal(49999)), "DOGE-BTC": Ticker(Decimal("0.000001"))},
        }
        self.asked: list[str] = []
        self.down: set[str] = set()

    async def sources(self) -> list[str]:
        return sorted(self.told)

    async def check(self, source: str) -> None:
        if source not in self.told:
            raise RateSourceUnknown(f"There is no source of rates '{source}'")

    async def read(self, source: str) -> dict[str, Ticker]:
        self.asked.append(source)
        await self.check(source)
        await asyncio.sleep(0)
        if source in self.down:
            raise Unavailable(f"'{source}' cannot be reached")
        return self.told[source]


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def tickers(source: FakeSource) -> Tickers:
    return Tickers(source, ["binance", "kucoin"])


async def told(answer: Awaitable[bytes]) -> Any:
    return json.loads(await answer, parse_float=Decimal)


async def test_tickers_by_connector_with_what_went_wrong_beside(source: FakeSource, tickers: Tickers) -> None:
    source.down.add("kucoin")
    answer = await told(tickers.tickers(GetTickers(connectors=("binance", "kucoin", "nowhere")), Metadata()))
    assert answer["counts"] == {"binance": 3}
    assert answer["tickers"]["binance"]["BTC-USDT"]["base_volume"] == Decimal("12.5")
    assert answer["tickers"]["binance"]["ETH-BTC"]["quote_volume"] is None
    assert set(answer["errors"]) == {"kucoin", "nowhere"}
    assert list(answer["updated_at"]) == ["binance"]


async def test_many_askers_share_one_answer(source: FakeSource, tickers: Tickers) -> None:
    await asyncio.gather(*(tickers.tickers(GetTickers(), Metadata()) for _ in range(20)))
    await tickers.tickers(GetTickers(refresh=True), Metadata())
    assert sorted(source.asked) == ["binance", "kucoin"]
    await tickers.tickers(GetTickers(max_age=0), Metadata())
    assert sorted(source.asked) == ["binance", "binance", "kucoin", "kucoin"]


async def test_rates_out_of_the_pool_and_out_of_one_connector(source: FakeSource, tickers: Tickers) -> None:
    pairs = ("BTC-USDT", "TRY-USDT", "DOGE-ETH", "BTC", "NO-USDT")
    answer = await told(tickers.rates(ResolveRates(trading_pairs=pairs, quote_token="TRY"), Metadata()))
    assert answer["rates"]["BTC-USDT"] == 50000, "the first connector of the pool counts"
    assert answer["rates"]["TRY-USDT"] == Decimal("0.025")
    assert answer["rates"]["DOGE-ETH"] == Decimal("0.000001") * (1 / Decimal("0.06"))
    assert answer["rates"]["BTC"] == 2_000_000, "a token alone is told in the quote token"
    assert answer["rates"]["NO-USDT"] is None
    assert answer["missing"] == {"NO-USDT": "no known pair trades NO"}
    scoped = await told(tickers.rates(ResolveRates(trading_pairs=("BTC-USDT", "ETH-BTC"), connector="kucoin"), Metadata()))
    assert scoped["rates"] == {"BTC-USDT": 49999, "ETH-BTC": None}
    assert (scoped["connector"], scoped["quote_token"]) == ("kucoin", "USDT")


async def test_a_pool_of_which_one_is_down_still_answers(source: FakeSource, tickers: Tickers) -> None:
    source.down.add("binance")
    answer = await told(tickers.rates(ResolveRates(trading_pairs=("BTC-USDT",)), Metadata()))
    assert answer["rates"] == {"BTC-USDT": 49999}
    source.down.add("kucoin")
    tickers = Tickers(source, ["binance", "kucoin"])
    with pytest.raises(Unavailable, match="'binance' cannot be reached; 'kucoin' cannot be reached"):
        await tickers.rates(ResolveRates(trading_pairs=("BTC-USDT",)), Metadata())


async def test_a_missing_rate_names_the_pair_and_the_reason(tickers: Tickers) -> None:
    answer = await told(tickers.rate(GetRate(trading_pair="ETH-USDT", source="binance"), Metadata()))
    assert answer == {"trading_pair": "ETH-USDT", "rate": 3000, "source": "binance", "quote_token": "USDT"}
    with pytest.raises(RateUnknown, match="No rate of NO-USDT from binance: no known pair trades NO"):
        await tickers.rate(GetRate(trading_pair="NO-USDT", source="binance"), Metadata())
    with pytest.raises(RateSourceUnknown):
        await tickers.rate(GetRate(trading_pair="ETH-USDT", source="nowhere"), Metadata())


async def test_tickers_of_the_sandbox_exchange(loading: Loading, url: str) -> None:
    tickers = Tickers(EngineTickers(loading), ["binance", "binance_perpetual"])
    answer = await told(tickers.tickers(GetTickers(), Metadata()))
    assert answer["errors"] == {}
    async with aiohttp.ClientSession() as client, client.get(f"{url}/api/v3/ticker/24hr?symbol=BTCUSDT") as true:
        day = json.loads(await true.text())
    shown = answer["tickers"]["binance"]["BTC-USDT"]
    assert shown["price"] == pytest.approx(Decimal(day["lastPrice"]), rel=Decimal("0.05"))
    assert shown["quote_volume"] == pytest.approx(Decimal(day["quoteVolume"]), rel=Decimal("0.05"))
    assert answer["tickers"]["binance_perpetual"]["BTC-USDT"]["base_volume"] > 0
    prices = await told(tickers.prices(ListRatePrices(source="binance"), Metadata()))
    assert prices["prices_count"] == len(prices["prices"]) > 1
    known = await told(tickers.sources(ListRateSources(), Metadata()))
    assert {"binance", "gate_io", "coin_gecko", "kucoin"} <= set(known)
    with pytest.raises(Unavailable, match="sandbox mode"):
        await tickers.rate(GetRate(trading_pair="BTC-USDT", source="gate_io"), Metadata())
    with pytest.raises(RateSourceUnknown, match="those there are: aevo_perpetual"):
        await tickers.rate(GetRate(trading_pair="BTC-USDT", source="nowhere"), Metadata())


@pytest.mark.parametrize("name", sorted(ANSWERS))
async def test_the_engine_has_the_paths_we_ask(loading: Loading, name: str) -> None:
    module = public.connector_class((await loading.engine()).settings[name]).__module__
    assert isinstance(getattr(importlib.import_module(module).CONSTANTS, ANSWERS[name].path), str)


async def test_the_engine_s_rate_sources_can_be_made(loading: Loading) -> None:
    await loading.engine()
    for name, made in engine_sources().items():
        assert hasattr(made(**KEYLESS.get(name, {})), "get_prices")
