"""What there is to tell of a live feed: each looks at one, and says what is new since the look before."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Protocol

from contracts.market_feeds import BookUpdated, CandlesUpdated, Level, PriceUpdated, TradesUpdated, WatchFeed
from contracts.message import Update, plain_decimal

from market_data.adapters.candle import Series
from market_data.handlers.books import Markets, OrderBooks, Prints
from market_data.handlers.candle_feed import CandleFeed
from market_data.handlers.candles import Candles

DEEPEST = 1000
"""Levels of a side that are told at most."""

type Members = Mapping[str, Any]
"""The fields of an update besides those all updates have."""


class Look(Protocol):
    """Looks at one feed. `keep`, `news`, `whole` and `beat` raise Unavailable while there is nothing to serve."""

    kind: type[Update]

    async def keep(self, query: WatchFeed) -> None:
        """The feed is wanted: starts it when it is not running. Raises also the refusals of the query."""
        ...

    async def news(self, rows: int) -> Members | None:
        """What changed since the last look; None when nothing did."""
        ...

    def whole(self, rows: int) -> Members:
        """All there is to know, as it was at the last look."""
        ...

    def beat(self, rows: int) -> Members:
        """What is told when nothing changed for a while."""
        ...

    def afresh(self) -> None:
        """What was told is not good any more: the next news are all there is to know."""
        ...

    def close(self) -> None:
        """It is not looked at any more."""
        ...


class BookLook:
    """The best levels of an order book."""

    kind: type[Update] = BookUpdated

    def __init__(self, books: OrderBooks, markets: Markets) -> None:
        self._books = books
        self._markets = markets
        self._market = "", ""
        self._seen: Any = None

    async def keep(self, query: WatchFeed) -> None:
        self._market = query.connector, query.trading_pair
        await self._books.feed(*self._market)

    async def news(self, rows: int) -> Members | None:
        seen = self._markets.version(*self._market), rows
        if seen == self._seen:
            return None
        members = self.whole(rows)
        self._seen = seen
        return members

    def whole(self, rows: int) -> Members:
        rows = min(rows, DEEPEST)
        # Raises for a book that may not be served.
        self._markets.version(*self._market)
        return {"rows": rows, "bids": self._side(rows, asks=False), "asks": self._side(rows, asks=True)}

    def beat(self, rows: int) -> Members:
        # All of it, so that whoever missed an update has the book again.
        return self.whole(rows)

    def afresh(self) -> None:
        self._seen = None

    def close(self) -> None:
        self.afresh()

    def _side(self, rows: int, *, asks: bool) -> tuple[Level, ...]:
        levels = islice(self._markets.levels(*self._market, asks=asks), rows)
        return tuple((plain_decimal(price), plain_decimal(amount)) for price, amount in levels)


class CandlesLook:
    """The newest candles."""

    kind: type[Update] = CandlesUpdated

    def __init__(self, candles: Candles) -> None:
        self._candles = candles
        self._feed: CandleFeed | None = None
        self._rows = 0
        self._told: dict[int, str] = {}

    async def keep(self, query: WatchFeed) -> None:
        feed = await self._candles.feed(Series(query.connector, query.trading_pair, query.interval))
        if feed is not self._feed:
            self._feed, self._told = feed, {}

    async def news(self, rows: int) -> Members | None:
        assert self._feed is not None  # noqa: S101 - `keep` is first
        now = await self._feed.window(rows)
        before, self._told = self._told, now
        grown, self._rows = rows != self._rows, rows
        first = next(iter(now), 0)
        gone = any(opened >= first and opened not in now for opened in before)
        if grown or gone or not before or next(iter(before)) > first:
            return self.whole(rows)
        changed = tuple((opened, text) for opened, text in now.items() if before.get(opened) is not text)
        return {"rows": rows, "candles": changed} if changed else None

    def whole(self, rows: int) -> Members:
        return {"rows": rows, "whole": True, "candles": tuple(self._told.items())}

    def beat(self, rows: int) -> Members:
        return {"rows": rows}

    def afresh(self) -> None:
        self._told = {}

    def close(self) -> None:
        self.afresh()


class TradesLook:
    """Trades, each told once."""

    kind: type[Update] = TradesUpdated

    def __init__(self, books: OrderBooks, markets: Markets) -> None:
        self._books = books
        self._markets = markets
        self._prints: Prints | None = None
        self._total = 0

    async def keep(self, query: WatchFeed) -> None:
        await self._books.feed(query.connector, query.trading_pair)
        if self._prints is None:
            self._prints = self._markets.trades(query.connector, query.trading_pair)

    async def news(self, rows: int) -> Members | None:
        assert self._prints is not None  # noqa: S101 - `keep` is first
        trades, self._total = self._prints.take()
        return {"total": self._total, "trades": tuple(trades)} if trades else None

    def whole(self, rows: int) -> Members:
        return {"total": self._total}

    def beat(self, rows: int) -> Members:
        return self.whole(rows)

    def afresh(self) -> None:
        """Trades stay true; those of a book that is not served now are told when it is again."""

    def close(self) -> None:
        if self._prints is not None:
            self._prints.close()


class PriceLook:
    """The last traded price; the exchange is asked for it at most once a second."""

    kind: type[Update] = PriceUpdated

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self._market = "", ""
        self._told: Decimal | None = None

    async def keep(self, query: WatchFeed) -> None:
        self._market = query.connector, query.trading_pair
        await self._markets.check(*self._market)

    async def news(self, rows: int) -> Members | None:
        before, self._told = self._told, await self._markets.price(*self._market)
        return {"price": self._told} if self._told != before else None

    def whole(self, rows: int) -> Members:
        return {"price": self._told}

    def beat(self, rows: int) -> Members:
        return self.whole(rows)

    def afresh(self) -> None:
        self._told = None

    def close(self) -> None:
        self.afresh()
