"""Live feeds of market data as the replicas of the gateway follow them: how they are wanted, and what is told of them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from contracts.market_data import CONTEXT, MOST_CANDLES
from contracts.message import Amount, Query, Update

WANTED_SECONDS = 10.0
"""For so long updates are told after a feed was wanted."""

HEARTBEAT = 0.5
"""Seconds after which an update is told again that nothing changed since."""

type Level = tuple[str, str]
"""Price and amount as plain decimals."""


class WatchFeed(Query):
    """The state of a feed now, as the JSON of its whole update; starts the feed when there is none.

    For WANTED_SECONDS from now on its updates are told at `naming.feed_subject`, at least every HEARTBEAT; those told before
    the answer are part of it. Refused and Unavailable as GetOrderBook (book, trades), GetCandles (candles), GetPrices (price).
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "feed"

    kind: Literal["book", "candles", "trades", "price"]
    connector: str
    trading_pair: str
    interval: str = "1m"
    """Of candles."""
    rows: int = Field(default=10, ge=1, le=MOST_CANDLES)
    """Levels of each side of a book (1000 at most), or candles."""


class BookUpdated(Update):
    """The best levels of an order book, all anew each time; never crossed."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "book"

    rows: int = 0
    """How many levels of each side were asked for; a side with fewer has no more."""
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class CandlesUpdated(Update):
    """Candles that are new or changed since the update before; with `whole` all that are wanted, in place of those before."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "candles"

    rows: int = 0
    """How many of the newest were asked for."""
    whole: bool = False
    candles: tuple[tuple[int, str], ...] = ()
    """When each opens, and the candle as the contract's JSON; oldest first."""


class TradesUpdated(Update):
    """Trades since the update before, oldest first."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "trades"

    total: int = 0
    """Of this owner so far, these included."""
    trades: tuple[str, ...] = ()
    """Each as the contract's JSON."""


class PriceUpdated(Update):
    """The last traded price."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "price"

    price: Amount | None = None
