"""Answers queries about candles."""

from __future__ import annotations

import json
import time
from typing import Any

from contracts.market_data import (
    SECONDS,
    CompleteCandles,
    GetCandles,
    GetFeedSettings,
    ListCandleConnectors,
    ListFeeds,
    ListStoredCandles,
    RangeInvalid,
    ReadCandles,
)
from contracts.market_feeds import WatchFeed
from contracts.message import Metadata

from market_data.adapters.candle import Series, text
from market_data.domain.spans import Span, gaps
from market_data.handlers.candle_feed import CandleFeed
from market_data.handlers.feeds import Feeds
from market_data.handlers.history import History
from market_data.handlers.sources import CandleSource, CandleStore

LARGEST_RANGE = 1_100_000
"""Candles of one request for history: two years of minutes."""

EVER = (0, 4_102_444_800)
"""All a store can hold."""


class Candles:
    """Live candles from shared feeds, history from the store."""

    def __init__(self, source: CandleSource, store: CandleStore, history: History, feeds: Feeds) -> None:
        self._source = source
        self._store = store
        self._history = history
        self._feeds = feeds

    async def connectors(self, _query: ListCandleConnectors, _metadata: Metadata) -> bytes:
        """The names of connectors with candles."""
        return _json(await self._source.connectors())

    async def candles(self, query: GetCandles, _metadata: Metadata) -> bytes:
        """The newest candles. Refused and Unavailable as the query says."""
        feed = await self.feed(Series(query.connector, query.trading_pair, query.interval))
        return await feed.candles(query.max_records)

    async def feed(self, series: Series) -> CandleFeed:
        """The running feed, started when there is none. Raises as the query says."""
        await self._source.check(series)
        return await self._feeds.of(series.name, lambda: CandleFeed(series, self._source, self._history))

    async def complete(self, query: CompleteCandles, _metadata: Metadata) -> bytes:
        """Fetch what the store lacks."""
        series, span = await self._checked(query), _span(query.start, query.end + 1, query.interval)
        return _json({"until": await self._history.complete(series, span)})

    async def read(self, query: ReadCandles, _metadata: Metadata) -> bytes:
        """A piece of the store, and what it cannot have yet."""
        series, span = await self._checked(query), _span(query.start, query.end, query.interval)
        if not query.unfinished:
            return await self._history.json(series, span)
        # Nothing opens in the future: it is not asked for.
        rows = await self._history.fresh(series, (span[0], min(span[1], int(time.time()) + 1)))
        return f"[{','.join(text(row) for row in rows)}]".encode()

    async def stored(self, _query: ListStoredCandles, _metadata: Metadata) -> bytes:
        """What the store holds."""
        return _json([await self._entry(series, size) for series, size in await self._store.kept()])

    async def feeds(self, _query: ListFeeds, _metadata: Metadata) -> bytes:
        """The running feeds."""
        return _json(self._feeds.listing())

    async def settings(self, _query: GetFeedSettings, _metadata: Metadata) -> bytes:
        """How long feeds live."""
        told = "Feeds start when somebody asks and close after feed_timeout seconds in which nobody asked"
        return _json(
            {"cleanup_interval": int(self._feeds.every), "feed_timeout": int(self._feeds.timeout), "description": told}
        )

    async def _entry(self, series: Series, size: int) -> dict[str, Any]:
        covered = await self._store.covered(series, EVER)
        opens = await self._store.opens(series, EVER)
        return {
            "connector": series.connector,
            "trading_pair": series.trading_pair,
            "interval": series.interval,
            "complete": [{"start": start, "end": end} for start, end in covered],
            "candles": len(opens),
            "gaps": [{"start": start, "end": end} for start, end in gaps(opens, covered, series.interval)],
            "bytes": size,
        }

    async def _checked(self, query: GetCandles | CompleteCandles | ReadCandles) -> Series:
        series = Series(query.connector, query.trading_pair, query.interval)
        await self._source.check(series)
        return series


def series_name(query: GetCandles | CompleteCandles | WatchFeed) -> str:
    """The name of the feed, and of the part of the store, that a query is about."""
    return Series(query.connector, query.trading_pair, query.interval).name


def _span(start: int, end: int, interval: str) -> Span:
    if start >= end:
        raise RangeInvalid("start_time must not be after end_time", field="start_time")
    if (end - start) // SECONDS[interval] > LARGEST_RANGE:
        msg = f"end_time: {(end - start) // SECONDS[interval]} candles are asked for, at most {LARGEST_RANGE} at a time"
        raise RangeInvalid(msg, field="end_time")
    return start, end


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
