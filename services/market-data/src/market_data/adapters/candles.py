"""The engine's candle feeds: history by pages, and the stream of the newest candle.

Only the newest candle is kept in the engine's feed. What is older is ours, so that the engine neither fills a window by itself
nor empties it whenever a stream breaks.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import re
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from contracts.market_data import SECONDS, ConnectorWithoutCandles, IntervalUnknown, TradingPairNotListed
from engine_kit.asking import asked

from market_data.adapters.candle import Row, Series, Span, Told
from market_data.adapters.loading import Loading

PAIR = re.compile(r"[^-/\\\s\x00-\x1f.][^/\\\s\x00-\x1f]*-[^/\\\s\x00-\x1f]+")
"""A pair names a folder of the store: it holds nothing that leads out of it."""

RECENT = 100
"""Intervals of which a pair that is traded has a candle."""

LONGEST_PAUSE = 30.0
"""Seconds between two attempts to make a stream again."""


class EngineCandles:
    """The CandleSource of the installed engine."""

    def __init__(self, loading: Loading) -> None:
        """No I/O."""
        self._loading = loading
        self._feeds: dict[Series, Any] = {}
        self._seen: set[tuple[str, str]] = set()

    async def connectors(self) -> list[str]:
        """Those the engine has a candle feed for."""
        return sorted(await self._classes())

    async def check(self, series: Series) -> None:
        """Raise the refusal of a connector, interval or pair that does not exist."""
        await self.check_name(series)
        if not await self._lists(series):
            msg = f"'{series.connector}' does not list the trading pair {series.trading_pair}"
            raise TradingPairNotListed(msg, field="trading_pair")

    async def _lists(self, series: Series) -> bool:
        """Whether the exchange has the pair; of one whose connector the engine lacks, whether it gives recent candles."""
        if await self._loading.has(series.connector):
            return await self._loading.lists(series.connector, series.trading_pair)
        pair = series.connector, series.trading_pair
        if pair not in self._seen:
            now = int(time.time())
            if not await self.fetch(series, (now - RECENT * SECONDS[series.interval], now)):
                return False
            self._seen.add(pair)
        return True

    async def check_name(self, series: Series) -> None:
        """The part of `check` that needs no exchange."""
        classes = await self._classes()
        made = classes.get(series.connector)
        if made is None:
            msg = f"Connector '{series.connector}' has no candles; those that have: {', '.join(sorted(classes))}"
            raise ConnectorWithoutCandles(msg, field="connector_name")
        intervals = await self.intervals(series.connector)
        if series.interval not in intervals:
            msg = f"'{series.connector}' has no candles of interval '{series.interval}', only: {', '.join(intervals)}"
            raise IntervalUnknown(msg, field="interval")
        if not PAIR.fullmatch(series.trading_pair):
            msg = f"Trading pair '{series.trading_pair}' is not written as BASE-QUOTE, for example BTC-USDT"
            raise TradingPairNotListed(msg, field="trading_pair")

    async def intervals(self, connector: str) -> list[str]:
        """Those of a connector that `connectors` tells, shortest first."""
        known = set(object.__new__((await self._classes())[connector]).intervals)
        return [interval for interval in SECONDS if interval in known]

    async def page(self, series: Series) -> int:
        """As the engine's feed knows it."""
        return int((await self._feed(series)).candles_max_result_per_rest_request)

    async def fetch(self, series: Series, span: Span) -> list[Row]:
        """One answer of the exchange, without what lies outside the span."""
        feed, step = await self._feed(series), SECONDS[series.interval]
        start, end = span
        last = (end - 1) - (end - 1) % step
        most = min(feed.candles_max_result_per_rest_request, (last - start) // step + 2)
        found = await asked(feed.fetch_candles(start_time=start, end_time=last, limit=most))
        # An array of numbers as lists is six times as quick as number by number; an exchange without candles gives none.
        rows = {int(row[0]): tuple(row) for row in (found.tolist() if len(found) else [])}
        return [rows[time] for time in sorted(rows) if start <= time < end]

    async def live(self, series: Series, told: Told) -> _Stream:
        """Start the engine's stream."""
        feed = await self._made(series)
        stream = _Stream(feed, told)
        await stream.start()
        return stream

    async def _feed(self, series: Series) -> Any:
        """The feed for history, made once."""
        if series not in self._feeds:
            made = await self._made(series)
            self._feeds.setdefault(series, made)
        return self._feeds[series]

    async def _made(self, series: Series) -> Any:
        """A feed that shares the connector's count of requests."""
        made = (await self._classes())[series.connector](series.trading_pair, series.interval, 1)
        # The engine has candles of exchanges it cannot trade on: such a feed counts its requests by itself.
        if await self._loading.has(series.connector):
            made.attach_connector(_extensible(await self._loading.public(series.connector)))
        parse = made._parse_rest_candles
        # The engine makes an array of texts and then numbers of it, which stops everything else for 10 ms a page.
        made._parse_rest_candles = lambda *given, **named: _numbers(parse(*given, **named))
        return made

    async def _classes(self) -> dict[str, Any]:
        await self._loading.engine()
        module = await asyncio.to_thread(importlib.import_module, "hummingbot.data_feed.candles_feed.candles_factory")
        classes: dict[str, Any] = module.CandlesFactory._candles_map
        return classes


def _extensible(connector: Any) -> Any:
    """A connector whose throttler takes the feed's limits too: the engine adds them to a list, and some keep a set."""
    connector.throttler._rate_limits = list(connector.throttler._rate_limits)
    return connector


def _numbers(rows: Iterable[Any] | None) -> list[list[float]]:
    """Candles as numbers; what the exchange does not tell is NaN, as in the engine's own array."""
    return [[math.nan if value is None else float(value) for value in row] for row in rows or ()]


class _Newest(deque[Any]):
    """The engine's window, of one candle; what is written to it is told."""

    def __init__(self, told: Told) -> None:
        super().__init__(maxlen=1)
        self._told = told

    def append(self, row: Any) -> None:
        super().append(row)
        self._told(tuple(float(number) for number in row))

    def __setitem__(self, index: Any, row: Any) -> None:
        super().__setitem__(index, row)
        self._told(tuple(float(number) for number in row))

    def clear(self) -> None:
        super().clear()
        self._told(None)


class _Stream:
    """A running stream; the pauses between attempts to make it again grow until a candle came."""

    def __init__(self, feed: Any, told: Told) -> None:
        self._feed = feed
        self._told = told
        self._failures = 0
        feed._candles = _Newest(self._heard)
        feed._sleep = self._pause

    async def start(self) -> None:
        await asked(self._feed.start_network())

    async def stop(self) -> None:
        await self._feed.stop_network()

    def _heard(self, row: Row | None) -> None:
        if row is not None:
            self._failures = 0
        self._told(row)

    async def _pause(self, seconds: float) -> None:
        self._failures += 1
        await asyncio.sleep(min(LONGEST_PAUSE, seconds * 2.0 ** min(self._failures - 1, 5)))
