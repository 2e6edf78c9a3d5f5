"""Every candle feed of the engine: it can be made, its intervals are known, and what it does not have is refused by name."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from contracts.market_data import SECONDS, ConnectorWithoutCandles, IntervalUnknown, TradingPairNotListed
from contracts.rejections import Rejection
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from exchange_of_candles import candle
from market_data.adapters.candle import Row, Series, Span
from market_data.adapters.candles import EngineCandles
from market_data.adapters.loading import Loading

CONNECTORS = (
    *("aevo_perpetual", "backpack", "backpack_perpetual", "binance", "binance_perpetual", "bitget", "bitget_perpetual"),
    *("bitmart_perpetual", "btc_markets", "bybit", "bybit_perpetual", "decibel_perpetual", "dexalot", "evedex_perpetual"),
    *("gate_io", "gate_io_perpetual", "grvt_perpetual", "hyperliquid", "hyperliquid_perpetual", "kraken", "kucoin"),
    *("kucoin_perpetual", "lighter", "lighter_perpetual", "mexc", "mexc_perpetual", "okx", "okx_perpetual"),
    "pacifica_perpetual",
)
PAIR = "BTC-USDT"


@pytest.fixture
async def live() -> AsyncIterator[EngineCandles]:
    """Of real exchanges; nothing here calls one."""
    loading = Loading(Engine(Venue(None)))
    yield EngineCandles(loading)
    await loading.stop()


async def test_the_engine_has_these_and_no_others(live: EngineCandles) -> None:
    assert await live.connectors() == list(CONNECTORS)
    with pytest.raises(ConnectorWithoutCandles) as refused:
        await live.check_name(Series("nowhere", PAIR, "1m"))
    assert refused.value.field == "connector_name"
    assert all(connector in refused.value.detail for connector in CONNECTORS)


@pytest.mark.parametrize("connector", CONNECTORS)
async def test_each_can_be_made_at_each_of_its_intervals(live: EngineCandles, connector: str) -> None:
    intervals = await live.intervals(connector)
    assert intervals
    assert set(intervals) <= set(SECONDS)
    for interval in intervals:
        series = Series(connector, PAIR, interval)
        await live.check_name(series)
        assert await live.page(series) > 1


@pytest.mark.parametrize("connector", CONNECTORS)
async def test_each_refuses_what_it_does_not_have(live: EngineCandles, connector: str) -> None:
    intervals = await live.intervals(connector)
    wrong: list[tuple[Series, type[Rejection], str, list[str]]] = [
        (Series(connector, PAIR, interval), IntervalUnknown, "interval", intervals)
        for interval in ("7m", "", "1H", "1month", *(set(SECONDS) - set(intervals)))
    ]
    for pair in ("BTCUSDT", "-USDT", "BTC-", "../x-USDT", "a/b-USDT", ".-USDT", "A\x00-B", ""):
        wrong.append((Series(connector, pair, intervals[0]), TradingPairNotListed, "trading_pair", ["BASE-QUOTE"]))
    for series, kind, field, told in wrong:
        with pytest.raises(kind) as refused:
            await live.check(series)
        assert (refused.value.status, refused.value.field) == (400, field)
        assert all(value in refused.value.detail for value in told)


async def test_a_pair_of_an_exchange_without_connector_is_known_by_its_candles(
    live: EngineCandles, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Series] = []

    async def fetch(series: Series, _span: Span) -> list[Row]:
        asked.append(series)
        return [candle(0)] if series.trading_pair == PAIR else []

    monkeypatch.setattr(live, "fetch", fetch)
    for interval in ("1m", "1h"):
        await live.check(Series("mexc_perpetual", PAIR, interval))
    assert len(asked) == 1
    with pytest.raises(TradingPairNotListed, match="does not list"):
        await live.check(Series("mexc_perpetual", "NO-PAIR", "1m"))
