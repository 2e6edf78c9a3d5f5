"""Live order books of an exchange's public side, followed while somebody needs them.

A book is served only while it is known to be current: a message changed it within STALE_SECONDS, or it was read anew. What
was missed while the connection was down is read anew when it is back.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contracts.rejections import Unavailable

from engine_kit import public
from engine_kit.asking import asked
from engine_kit.engine import Engine
from engine_kit.listing import Listing

logger = logging.getLogger(__name__)

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05
WATCH_SECONDS = 1.0
QUIET_SECONDS = 15.0
STALE_SECONDS = 45.0


@dataclass(slots=True)
class _Feed:
    """One connector without keys whose order book tracker runs.

    `read` are the times at which books were read whole, by pair; `connection` is the one they were read on.
    """

    connector: Any
    listing: Listing
    users: Counter[str] = field(default_factory=Counter)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    read: dict[str, float] = field(default_factory=dict)
    connection: Any = None
    watching: asyncio.Task[None] | None = None

    @property
    def tracker(self) -> Any:
        """Keeps the books."""
        return self.connector.order_book_tracker

    @property
    def stream(self) -> Any:
        """Its connection now, None when it is down; a source with a loop of its own does not tell, and is judged by age."""
        source = self.tracker.data_source
        common = importlib.import_module("hummingbot.core.data_type.order_book_tracker_data_source").OrderBookTrackerDataSource
        told = type(source).listen_for_subscriptions is common.listen_for_subscriptions
        return source._ws_assistant if told else source

    @property
    def connected(self) -> bool:
        """Whether its stream is the one on which its books were read last."""
        return self.connection is not None and self.stream is self.connection

    def age(self, trading_pair: str) -> float:
        """Seconds since a book was last known to be current."""
        metrics = self.tracker.metrics.per_pair_metrics.get(trading_pair)
        changed = 0.0 if metrics is None else metrics.last_diff_timestamp
        return time.perf_counter() - max(changed, self.read.get(trading_pair, 0.0))

    def stop(self) -> None:
        """Close it."""
        if self.watching is not None:
            self.watching.cancel()
        self.tracker.stop()


class Books:
    """Order books by connector and trading pair, shared by all who asked for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feeds: dict[str, _Feed] = {}
        self._starting = asyncio.Lock()

    async def follow(self, connector: str, trading_pairs: Sequence[str]) -> None:
        """Return when the books of the pairs are live. Unavailable when they are not within READY_SECONDS."""
        feed: _Feed | None = None
        try:
            async with asyncio.timeout(READY_SECONDS):
                feed = await self._feed(connector, trading_pairs)
                feed.users.update(trading_pairs)
                async with feed.changing:
                    for pair in trading_pairs:
                        await _listed(feed.listing, connector, pair)
                        await _add(feed.tracker, pair)
                        feed.read.setdefault(pair, time.perf_counter())
                while not feed.connected:  # noqa: ASYNC110 - the engine has no event for its connection
                    await asyncio.sleep(LOOK_SECONDS)
        except (TimeoutError, Unavailable, asyncio.CancelledError) as failure:
            if feed is not None:
                await self.leave(connector, trading_pairs)
            if not isinstance(failure, TimeoutError):
                raise
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
            feed.stop()

    async def stop(self) -> None:
        """Close all feeds."""
        for feed in self._feeds.values():
            feed.stop()
        self._feeds.clear()

    def book(self, connector: str, trading_pair: str) -> Any:
        """The engine's live order book. Unavailable when it is not followed, out of date, empty or crossed."""
        feed = self._feeds.get(connector)
        book = None if feed is None else feed.tracker.order_books.get(trading_pair)
        if feed is None or book is None or not feed.connected:
            raise Unavailable(f"The order book of {trading_pair} on {connector} is not live")
        if feed.age(trading_pair) > STALE_SECONDS:
            raise Unavailable(f"The order book of {trading_pair} on {connector} is out of date")
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
                setting = public.setting_of(self._engine, connector)
                self._engine.venue.admit(connector)
                made = await public.made_public(setting, trading_pairs)
                feed = _Feed(made, Listing(made))
                # The engine's tracker begins with all its pairs or with none: one that is not listed would keep it from all.
                for pair in trading_pairs:
                    await _listed(feed.listing, connector, pair)
                feed.tracker.start()
                self._feeds[connector] = feed
            feed = self._feeds[connector]
            if feed.watching is None or feed.watching.done():
                # Also when the engine broke it: books that nobody reads anew would age out for good.
                feed.watching = asyncio.create_task(_watch(feed), name=f"books of {connector}")
            return feed


async def _watch(feed: _Feed) -> None:
    """Read books anew that did not change for a while, and all when the stream was down."""
    source = feed.tracker.data_source
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        stream = feed.stream
        lost = stream is not feed.connection
        pairs = [pair for pair in feed.tracker.order_books if lost or feed.age(pair) > QUIET_SECONDS]
        if stream is None:
            continue
        try:
            for pair in pairs:
                feed.tracker._tracking_message_queues[pair].put_nowait(await asked(source._order_book_snapshot(pair)))
                feed.read[pair] = time.perf_counter()
        except (Unavailable, KeyError) as error:
            # Without an answer the books age until they are not served any more.
            logger.warning("the order book cannot be read: %s", error)
        else:
            feed.connection = stream


async def _listed(listing: Listing, connector: str, trading_pair: str) -> None:
    if not await listing.lists(trading_pair):
        raise Unavailable(f"'{connector}' does not list {trading_pair} now", retry_after=5)


async def _add(tracker: Any, trading_pair: str) -> None:
    """Wait for the pair's book, asking for it when the tracker does not follow it."""
    if trading_pair not in tracker._trading_pairs and not await tracker.add_trading_pair(trading_pair):
        raise Unavailable(f"The exchange gives no order book of {trading_pair}")
    while trading_pair not in tracker.order_books:  # noqa: ASYNC110 - the engine has no event for one book
        await asyncio.sleep(LOOK_SECONDS)
