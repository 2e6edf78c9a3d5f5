"""The engine's candle feeds, unmodified, at the sandbox exchange: the store equals its history, under faults too."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from contracts.market_data import ConnectorWithoutCandles, IntervalUnknown, TradingPairNotListed
from contracts.rejections import Unavailable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_data.adapters.candle import Row, Series
from market_data.adapters.candle_store import ParquetCandles
from market_data.adapters.candles import EngineCandles
from market_data.domain.spans import partitions, united
from market_data.handlers.candle_feed import CandleFeed
from market_data.handlers.history import History

ADMIN = "test-admin"
PATHS = {"binance": "/api/v3/klines", "binance_perpetual": "/fapi/v1/klines"}
NOW = int(time.time()) // 60 * 60


async def truth(url: str, series: Series, start: int, end: int) -> list[Row]:
    """The exchange's own klines that open in [start, end), asked without the engine."""
    symbol = series.trading_pair.replace("-", "")
    found: list[Row] = []
    async with aiohttp.ClientSession() as client:
        while start < end:
            query: dict[str, Any] = {"symbol": symbol, "interval": series.interval, "startTime": start * 1000, "limit": 1000}
            async with client.get(f"{url}{PATHS[series.connector]}", params={**query, "endTime": end * 1000 - 1}) as answer:
                bars = json.loads(await answer.text())
            found += [(bar[0] / 1000, *(float(bar[column]) for column in (1, 2, 3, 4, 5, 7, 8, 9, 10))) for bar in bars]
            if not bars:
                break
            start = bars[-1][0] // 1000 + 1
    return found


async def fault(url: str, method: str, body: dict[str, Any] | None = None) -> None:
    async with (
        aiohttp.ClientSession(headers={"X-Admin-Token": ADMIN}) as client,
        client.request(method, f"{url}/admin/faults", json=body) as answer,
    ):
        assert answer.status < 300, await answer.text()


times = st.integers(NOW - 40 * 86400, NOW - 3600)
one_span = st.tuples(times, st.integers(60, 3 * 86400)).map(lambda pair: (pair[0], min(pair[0] + pair[1], NOW - 600)))


@pytest.mark.parametrize("connector", sorted(PATHS))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(asked=st.lists(one_span, min_size=2, max_size=4))
async def test_the_store_equals_the_exchanges_history_after_faults(
    source: EngineCandles, url: str, connector: str, asked: list[tuple[int, int]]
) -> None:
    series = Series(connector, "BTC-USDT", "1m")
    with tempfile.TemporaryDirectory() as directory:
        store = ParquetCandles(Path(directory), partitions, united)
        history = History(source, store, patience=100)
        await fault(url, "POST", {"kind": "error_before", "endpoint": "klines", "probability": "0.3", "seed": asked[0][0]})
        first = await asyncio.gather(*(history.complete(series, span) for span in asked), return_exceptions=True)
        assert all(isinstance(outcome, int | Unavailable) for outcome in first)
        await fault(url, "DELETE")
        assert await asyncio.gather(*(history.complete(series, span) for span in asked)) == [end for _, end in asked]
        for start, end in asked:
            assert await store.rows(series, (start, end)) == await truth(url, series, start, end)


@pytest.mark.parametrize("connector", sorted(PATHS))
async def test_the_live_window_follows_the_exchanges_stream(source: EngineCandles, connector: str, tmp_path: Path) -> None:
    series = Series(connector, "BTC-USDT", "1s")
    feed = CandleFeed(series, source, History(source, ParquetCandles(tmp_path, partitions, united), patience=60))
    await feed.start()
    try:
        async with asyncio.timeout(90):
            while feed.health()["status"] != "live":  # noqa: ASYNC110 - the engine has no event for it
                await asyncio.sleep(0.05)
            # A second that a busy stream left out is asked for a moment later.
            rows: list[dict[str, float]] = []
            while [row["timestamp"] - rows[0]["timestamp"] for row in rows] != list(range(300)):
                rows = json.loads(await feed.candles(300))
                await asyncio.sleep(0.1)
        assert rows[-1]["timestamp"] > time.time() - 60
    finally:
        await feed.stop()


async def test_what_does_not_exist_is_refused_by_name(source: EngineCandles) -> None:
    with pytest.raises(ConnectorWithoutCandles, match="aevo_perpetual"):
        await source.check(Series("nowhere", "BTC-USDT", "1m"))
    with pytest.raises(IntervalUnknown, match="15m"):
        await source.check(Series("binance", "BTC-USDT", "7m"))
    for pair in ("BTCUSDT", "-USDT", "NO-PAIR"):
        with pytest.raises(TradingPairNotListed):
            await source.check(Series("binance", pair, "1m"))
    with pytest.raises(Unavailable, match="sandbox mode"):
        await source.check(Series("okx", "BTC-USDT", "1m"))
