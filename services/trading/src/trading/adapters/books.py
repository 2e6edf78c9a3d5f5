"""Live order books of an exchange's public side, followed while somebody needs them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable

from trading.adapters import connectors
from trading.adapters.engine import Engine

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class _Feed:
    """One connector without keys whose order book tracker runs."""

    connector: Any
    users: Counter[str] = field(default_factory=Counter)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Books:
    """Order books by connector and trading pair, shared by all who asked for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feeds: dict[str, _Feed] = {}
        self._starting = asyncio.Lock()

    async def follow(self, connector: str, trading_pairs: Sequence[str]) -> None:
        """Return when the books of the pairs are live. Unavailable when they are not within READY_SECONDS."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                feed = await self._feed(connector, trading_pairs)
                async with feed.changing:
                    for pair in trading_pairs:
                        await _add(feed.connector.order_book_tracker, pair)
                        feed.users[pair] += 1
        except TimeoutError:
            msg = f"The order books of {', '.join(trading_pairs)} on {connector} are not live yet"
            raise Unavailable(msg, retry_after=5) from None

    async def leave(self, connector: str, trading_pairs: Sequence[str]) -> None:
        """The books are needed by one less; a feed nobody needs is closed."""
        feed = self._feeds.get(connector)
        if feed is None:
            return
        feed.users.subtract(trading_pairs)
        if not +feed.users:
            del self._feeds[connector]
            feed.connector.order_book_tracker.stop()

    async def stop(self) -> None:
        """Close all feeds."""
        for feed in self._feeds.values():
            feed.connector.order_book_tracker.stop()
        self._feeds.clear()

    def book(self, connector: str, trading_pair: str) -> Any:
        """The engine's live order book. Unavailable when it is not followed, empty or crossed."""
        feed = self._feeds.get(connector)
        book = None if feed is None else feed.connector.order_book_tracker.order_books.get(trading_pair)
        if book is None:
            raise Unavailable(f"The order book of {trading_pair} on {connector} is not live")
        bid, ask = book.get_price(False), book.get_price(True)
        if not 0 < bid < ask:
            raise Unavailable(f"The order book of {trading_pair} on {connector} has no usable top")
        return book

    def top(self, connector: str, trading_pair: str) -> tuple[Decimal, Decimal]:
        """Best bid and best ask. Raises Unavailable as `book`."""
        book = self.book(connector, trading_pair)
        return Decimal(str(book.get_price(False))), Decimal(str(book.get_price(True)))

    async def _feed(self, connector: str, trading_pairs: Sequence[str]) -> _Feed:
        async with self._starting:
            if connector not in self._feeds:
                setting = connectors.setting_of(self._engine, connector)
                self._engine.venue.admit(connector)
                self._feeds[connector] = _Feed(await connectors.made_public(setting, trading_pairs))
                self._feeds[connector].connector.order_book_tracker.start()
            return self._feeds[connector]


async def _add(tracker: Any, trading_pair: str) -> None:
    """Wait for the pair's book, asking for it when the tracker does not follow it."""
    if trading_pair not in tracker._trading_pairs and not await tracker.add_trading_pair(trading_pair):
        raise Unavailable(f"The exchange gives no order book of {trading_pair}")
    while trading_pair not in tracker.order_books:  # noqa: ASYNC110 - the engine has no event for one book
        await asyncio.sleep(LOOK_SECONDS)
