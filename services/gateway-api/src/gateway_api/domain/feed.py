"""The live feeds of market data that can be followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contracts import naming
from contracts.market_feeds import BookUpdated, CandlesUpdated, PriceUpdated, TradesUpdated, WatchFeed
from contracts.message import Update

type Kind = Literal["book", "candles", "trades", "price"]

UPDATES: dict[Kind, type[Update]] = {
    "book": BookUpdated,
    "candles": CandlesUpdated,
    "trades": TradesUpdated,
    "price": PriceUpdated,
}


@dataclass(frozen=True, slots=True)
class Feed:
    """The name of a feed; only candles have an interval."""

    kind: Kind
    connector: str
    trading_pair: str
    interval: str = ""

    @property
    def update(self) -> type[Update]:
        """What is told of it."""
        return UPDATES[self.kind]

    @property
    def subject(self) -> str:
        """Where its updates are told."""
        name = (self.connector, self.trading_pair, self.interval) if self.interval else (self.connector, self.trading_pair)
        return naming.feed_subject(self.update, *name)

    def wanted(self, rows: int) -> WatchFeed:
        """The query that wants it."""
        return WatchFeed(
            kind=self.kind,
            connector=self.connector,
            trading_pair=self.trading_pair,
            interval=self.interval or "1m",
            rows=rows,
        )
