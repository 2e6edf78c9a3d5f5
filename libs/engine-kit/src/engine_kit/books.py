"""Live order books of an exchange's public side, followed while somebody needs them.

A book is served only while it is known to be current: something is heard on its connection, and a message changed it within
STALE_SECONDS, or it was read anew, as after the connection was down or silent. One that cannot be had keeps no other away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from contracts.rejections import Unavailable

from engine_kit import public
from engine_kit.asking import asked
from engine_kit.diagnosis import diagnosis
from engine_kit.engine import Engine
from engine_kit.listing import Listing
from engine_kit.stream import SILENT_SECONDS, probe, silence, stream_of

logger = logging.getLogger(__name__)

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05
WATCH_SECONDS = 1.0
QUIET_SECONDS = 15.0
STALE_SECONDS = 45.0
CROSSED_SECONDS = 2.0
"""After which a book without a usable top is read anew."""
BEGIN_SECONDS = 10.0
"""What the first books of a connector may take; whoever follows others meanwhile waits."""


@dataclass(slots=True)
class _Feed:
    """One connector without keys whose order book tracker runs.

    `read` are the times at which books were read whole, by pair; `on` the connections they were read on.
    """

    connector: Any
    listing: Listing
    users: Counter[str] = field(default_factory=Counter)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    read: dict[str, float] = field(default_factory=dict)
    on: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    watching: asyncio.Task[None] | None = None

    @property
    def tracker(self) -> Any:
        """Keeps the books."""
        return self.connector.order_book_tracker

    @property
    def stream(self) -> Any:
        """See `stream_of`."""
        return stream_of(self.tracker.data_source)

    def connected(self, trading_pair: str) -> bool:
        """Whether the stream is the one on which the book was read last."""
        stream = self.stream
        return stream is not None and self.on.get(trading_pair) is stream

    def doubtful(self, trading_pair: str) -> bool:
        """Whether the book is to be read anew."""
        if not self.connected(trading_pair) or self.age(trading_pair) > QUIET_SECONDS:
            return True
        since = time.perf_counter() - self.read.get(trading_pair, 0.0)
        return since > CROSSED_SECONDS and not _usable(self.tracker.order_books[trading_pair])

    def age(self, trading_pair: str) -> float:
        """Seconds since a book was last known to be current."""
        metrics = self.tracker.metrics.per_pair_metrics.get(trading_pair)
        changed = 0.0 if metrics is None else metrics.last_diff_timestamp
        return time.perf_counter() - max(changed, self.read.get(trading_pair, 0.0))

    def stop(self) -> None:
        """Close it."""
        for task in (self.watching, *self.reading.values()):
            if task is not None:
                task.cancel()
        self.tracker.stop()


class Books:
    """Order books by connector and trading pair, shared by all who asked for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feeds: dict[str, _Feed] = {}
        self._starting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

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
                        await _add(feed, pair)
                while not all(feed.connected(pair) for pair in trading_pairs):  # noqa: ASYNC110 - the engine has no event for its connection
                    await asyncio.sleep(LOOK_SECONDS)
        except (TimeoutError, Unavailable, asyncio.CancelledError) as failure:
            if feed is not None:
                await self.leave(connector, trading_pairs)
            if not isinstance(failure, TimeoutError):
                raise
            msg = f"The order books of {', '.join(trading_pairs)} on {connector} are not live yet"
            raise Unavailable(msg, retry_after=5) from None

    async def leave(self, connector: str, trading_pairs: Sequence[str]) -> None:
        """The books are needed by one less; one that nobody needs is followed no longer, a feed without any is closed."""
        feed = self._feeds.get(connector)
        if feed is None:
            return
        feed.users.subtract(trading_pairs)
        if not +feed.users:
            del self._feeds[connector]
            feed.stop()
            return
        async with feed.changing:
            for pair in dict.fromkeys(trading_pairs):
                if feed.users[pair] <= 0:
                    await _forget(feed, pair)

    async def stop(self) -> None:
        """Close all feeds."""
        for feed in self._feeds.values():
            feed.stop()
        self._feeds.clear()

    def book(self, connector: str, trading_pair: str) -> Any:
        """The engine's live order book. Unavailable when it is not followed, out of date, empty or crossed."""
        feed = self._feeds.get(connector)
        book = None if feed is None else feed.tracker.order_books.get(trading_pair)
        if feed is None or book is None or not feed.connected(trading_pair):
            raise Unavailable(f"The order book of {trading_pair} on {connector} is not live")
        if silence(feed.stream) > SILENT_SECONDS:
            raise Unavailable(f"The order book of {trading_pair} on {connector} is silent: nothing is heard from the exchange")
        if feed.age(trading_pair) > STALE_SECONDS:
            raise Unavailable(f"The order book of {trading_pair} on {connector} is out of date")
        if not _usable(book):
            raise Unavailable(f"The order book of {trading_pair} on {connector} has no usable top: {_top_text(book)}")
        return book

    def followed(self, connector: str) -> dict[str, Any] | None:
        """How the feed of a connector is, for people; None when there is none."""
        feed = self._feeds.get(connector)
        return None if feed is None else diagnosis(feed.tracker, feed.stream)

    def top(self, connector: str, trading_pair: str) -> tuple[Decimal, Decimal]:
        """Best bid and best ask. Raises Unavailable as `book`."""
        book = self.book(connector, trading_pair)
        return Decimal(str(book.get_price(False))), Decimal(str(book.get_price(True)))

    async def _feed(self, connector: str, trading_pairs: Sequence[str]) -> _Feed:
        async with self._starting[connector]:
            if connector not in self._feeds:
                self._feeds[connector] = await self._begun(connector, trading_pairs)
            feed = self._feeds[connector]
            if feed.watching is None or feed.watching.done():
                # Also when the engine broke it: books that nobody reads anew would age out for good.
                feed.watching = asyncio.create_task(_watch(feed), name=f"books of {connector}")
            return feed

    async def _begun(self, connector: str, trading_pairs: Sequence[str]) -> _Feed:
        """A new feed that has its first books. Unavailable with the reason; nothing is left of it then."""
        setting = public.setting_of(self._engine, connector)
        self._engine.venue.admit(connector)
        made = await public.made_public(setting, trading_pairs)
        feed = _Feed(made, Listing(made))
        # The engine's tracker begins with all its pairs or with none: one that is not listed would keep it from all.
        for pair in trading_pairs:
            await _listed(feed.listing, connector, pair)
        feed.tracker.start()
        begun = False
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                for pair in trading_pairs:
                    await _first(feed.tracker, pair)
            begun = True
        except TimeoutError:
            msg = f"The exchange gives no order books of {', '.join(trading_pairs)} within {BEGIN_SECONDS:g} seconds"
            raise Unavailable(msg, retry_after=5) from None
        finally:
            if not begun:
                feed.stop()
        return feed


async def _watch(feed: _Feed) -> None:
    """Read books anew that did not change for a while or are crossed, and all when the stream was down."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        stream = feed.stream
        if stream is None:
            continue
        await probe(stream)
        if silence(stream) > SILENT_SECONDS:
            feed.on.clear()  # what is heard first when it goes on is old
            continue
        for pair in list(feed.tracker.order_books):
            if pair not in feed.reading and feed.doubtful(pair):
                feed.reading[pair] = asyncio.create_task(_read(feed, pair, stream), name=f"book of {pair}")
                feed.reading[pair].add_done_callback(lambda _, pair=pair: feed.reading.pop(pair, None))  # type: ignore[misc]


async def _read(feed: _Feed, trading_pair: str, stream: Any) -> None:
    try:
        snapshot = await asked(feed.tracker.data_source._order_book_snapshot(trading_pair))
        feed.tracker._tracking_message_queues[trading_pair].put_nowait(snapshot)
    except (Unavailable, KeyError) as error:
        # Without an answer the book ages until it is not served any more.
        logger.warning("the order book of %s cannot be read: %s", trading_pair, error)
    else:
        feed.read[trading_pair] = time.perf_counter()
        feed.on[trading_pair] = stream


async def _listed(listing: Listing, connector: str, trading_pair: str) -> None:
    if not await listing.lists(trading_pair):
        raise Unavailable(f"'{connector}' does not list {trading_pair} now", retry_after=5)


async def _first(tracker: Any, trading_pair: str) -> None:
    """Wait for one of the books a tracker begins with. Unavailable with the exchange's reason when its beginning failed."""
    while trading_pair not in tracker.order_books:
        begin = tracker._init_order_books_task
        if begin is not None and begin.done() and trading_pair not in tracker.order_books:
            await _refused(tracker, trading_pair)
        await asyncio.sleep(LOOK_SECONDS)


async def _add(feed: _Feed, trading_pair: str) -> None:
    """Have the book followed, when it is not yet. Unavailable with the exchange's reason."""
    tracker = feed.tracker
    if trading_pair in tracker.order_books:
        return
    stream = feed.stream
    if not await tracker.add_trading_pair(trading_pair):
        await _forget(feed, trading_pair)
        await _refused(tracker, trading_pair)
    feed.read[trading_pair] = time.perf_counter()
    if feed.stream is stream:
        # Subscribed to first and read then, on one connection: nothing is missing.
        feed.on[trading_pair] = stream


async def _refused(tracker: Any, trading_pair: str) -> NoReturn:
    """Raise the reason why there is no book: the engine only logs it."""
    await asked(tracker.data_source._order_book_snapshot(trading_pair))
    raise Unavailable(f"The exchange gives no order book of {trading_pair} now", retry_after=5)


async def _forget(feed: _Feed, trading_pair: str) -> None:
    """Follow a book no longer, also one that was only half followed."""
    tracker = feed.tracker
    feed.read.pop(trading_pair, None)
    feed.on.pop(trading_pair, None)
    metrics = tracker.metrics.per_pair_metrics.get(trading_pair)
    try:
        if trading_pair in tracker.order_books:
            await asked(tracker.remove_trading_pair(trading_pair))
        elif trading_pair in tracker._trading_pairs:
            tracker._trading_pairs.remove(trading_pair)
            await asked(tracker.data_source.unsubscribe_from_trading_pair(trading_pair))
    except Unavailable as error:
        logger.warning("%s is still subscribed to: %s", trading_pair, error.detail)
    if metrics is not None:
        # The tracker goes on counting there when the pair is followed again.
        tracker.metrics.per_pair_metrics[trading_pair] = metrics


def _top(book: Any) -> tuple[float | None, float | None]:
    """Best bid and ask; None for an empty side, of which the engine would raise OSError."""
    bid, ask = next(iter(book.bid_entries()), None), next(iter(book.ask_entries()), None)
    return None if bid is None else bid.price, None if ask is None else ask.price


def _usable(book: Any) -> bool:
    """Whether somebody bids and somebody asks more."""
    bid, ask = _top(book)
    return bid is not None and ask is not None and 0 < bid < ask


def _top_text(book: Any) -> str:
    bid, ask = _top(book)
    if bid is None or ask is None:
        return f"nobody {'bids' if bid is None else 'asks'}"
    return f"it is crossed, {bid} is bid and {ask} asked"
