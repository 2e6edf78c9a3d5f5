"""Copies of live feeds, kept while somebody wants them and kept true by the updates that market-data tells (ADR 35)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from contracts.market_feeds import HEARTBEAT, CandlesUpdated, TradesUpdated, WatchFeed
from contracts.message import Update
from contracts.rejections import Unavailable
from pydantic import ValidationError
from service_kit.broadcast import listen
from service_kit.bus import Bus, Response
from service_kit.supervisor import Crash, guarded

from gateway_api.domain.feed import Feed
from gateway_api.domain.live import Missed, State, anew, followed, same
from gateway_api.domain.watched import Trouble
from gateway_api.handlers.executor_feeds import trouble
from gateway_api.handlers.turns import Turns
from gateway_api.handlers.watches import Watch

logger = logging.getLogger(__name__)

SILENCE = 4 * HEARTBEAT
"""Seconds without an update after which a copy answers nobody."""

RENEW = 3.0
"""Seconds between two times that a feed is said to be wanted."""

IDLE = 10.0
"""Seconds for which a feed that was asked for is wanted."""

OFTEN, WITHIN = 3, 2.0
"""A feed is followed when it is asked for so often within so many seconds; who asks less costs less by asking."""

MOST_FEEDS = 2000
"""Feeds that are followed for requests."""

START, AGAIN = 60.0, 10.0
"""Seconds to wait for the first answer, and for later ones."""

type Ask = Callable[[WatchFeed, float], Awaitable[Response]]
"""Asks market-data, with a time limit in seconds; raises Unavailable."""


class LiveFeeds:
    """The copies of one gateway process."""

    def __init__(self, bus: Bus, ask: Ask, turns: Turns, clock: Callable[[], float] = time.monotonic) -> None:
        """No I/O."""
        self._bus = bus
        self._ask = ask
        self._turns = turns
        self._clock = clock
        self._lives: dict[Feed, _Live] = {}
        self._asked: dict[Feed, tuple[float, int]] = {}
        bus.on_reconnect(self._reconnected)

    def watch(self, feed: Feed, rows: int, interval: float, news: Callable[[], None]) -> Watch[State]:
        """Calls `news` for each new state of at least so many rows, at most once every `interval` seconds."""
        return self._live(feed).join(rows, interval, news)

    def copy(self, feed: Feed, rows: int = 1) -> State | None:
        """The state of a feed that is known to be current; None when market-data has to be asked.

        A feed that is asked for often is followed from then on.
        """
        live = self._lives.get(feed)
        if live is None:
            if self._often(feed):
                self._live(feed).touch(rows)
            return None
        live.touch(rows)
        return live.current(rows) if self._bus.connected else None

    async def stop(self) -> None:
        """Follow nothing any more."""
        tasks = [live.task for live in self._lives.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def count(self) -> int:
        """How many feeds are followed."""
        return len(self._lives)

    def _live(self, feed: Feed) -> _Live:
        live = self._lives.get(feed)
        if live is None:
            over = partial(self._lives.pop, feed, None)
            live = self._lives[feed] = _Live(feed, self._bus, self._ask, self._turns, self._clock, over=over)
        return live

    def _often(self, feed: Feed) -> bool:
        now = self._clock()
        since, times = self._asked.get(feed, (now, 0))
        if now - since > WITHIN:
            since, times = now, 0
        if len(self._asked) >= MOST_FEEDS:
            self._asked.clear()
        self._asked[feed] = since, times + 1
        return times + 1 >= OFTEN and len(self._lives) < MOST_FEEDS

    def _reconnected(self) -> None:
        for live in self._lives.values():
            live.lost()


class _Live:
    """One feed: its copy, who wants it, and the task that says so."""

    def __init__(
        self, feed: Feed, bus: Bus, ask: Ask, turns: Turns, clock: Callable[[], float], *, over: Callable[[], object]
    ) -> None:
        self.version = 0
        self.value: State | Trouble | None = None
        self._feed = feed
        self._bus = bus
        self._ask = ask
        self._turns = turns
        self._clock = clock
        self._over = over
        self._watchers: dict[Watch[State], int] = {}
        self._touched: dict[int, float] = {}
        self._rows = 0
        self._state: State | None = None
        self._owner = ""
        self._number = 0
        self._heard = 0.0
        self._stir = asyncio.Event()
        self._kind = feed.update
        self.task = asyncio.create_task(self._run(), name=f"following {feed.subject}")

    def join(self, rows: int, interval: float, news: Callable[[], None]) -> Watch[State]:
        """One more watcher."""
        watch = Watch(self, interval, news, self._turns)
        self._watchers[watch] = rows
        self._more(rows)
        if self.value is not None:
            watch.tell()
        return watch

    def leave(self, watch: Watch[State]) -> None:
        """One less."""
        del self._watchers[watch]

    def touch(self, rows: int) -> None:
        """A request wants so many rows."""
        self._touched[rows] = self._clock()
        self._more(rows)

    def current(self, rows: int) -> State | None:
        """The state, when it is known to be current and holds so much."""
        state = self.value
        if state is None or isinstance(state, Trouble) or self._clock() - self._heard > SILENCE or not state.has(rows):
            return None
        return state

    def lost(self) -> None:
        """Updates may have been missed: nothing is good until the whole state came anew."""
        self._owner, self._heard = "", float("-inf")
        self._stir.set()

    def _more(self, rows: int) -> None:
        if rows > self._rows:
            self._stir.set()

    def _wanted(self) -> int:
        since = self._clock() - IDLE
        self._touched = {rows: at for rows, at in self._touched.items() if at >= since}
        return max((*self._watchers.values(), *self._touched), default=0)

    async def _run(self) -> None:
        end: Callable[[], Awaitable[None]] | None = None
        try:
            end = await listen(self._bus, self._feed.subject, self._told)
            while rows := self._wanted():
                self._stir.clear()
                self._rows = rows
                await self._renew(rows)
                await self._pause()
        finally:
            self._over()
            if end is not None:
                await end()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(RENEW):
                await self._stir.wait()
        except TimeoutError:
            logger.debug("%s is still wanted", self._feed.subject)

    async def _renew(self, rows: int) -> None:
        outcome = await guarded(self._asked(rows))
        if not isinstance(outcome, Crash):
            self._answered(outcome)
        elif isinstance(outcome.error, Unavailable):
            self._fail(Trouble(outcome.error.detail))
        else:
            logger.error("%s cannot be followed", self._feed.subject, exc_info=outcome.error)
            self._fail(Trouble("Internal error"))

    async def _asked(self, rows: int) -> Update | Trouble:
        answer = await self._ask(self._feed.wanted(rows), START if self._state is None else AGAIN)
        return trouble(answer) if answer.status >= 400 else self._kind.model_validate_json(answer.body)

    def _answered(self, update: Update | Trouble) -> None:
        """The whole state; all that the same owner told before is part of it."""
        if isinstance(update, Trouble):
            self._fail(update)
            return
        if update.owner != self._owner:
            self._state = anew(self._state)
        elif update.number < self._number or isinstance(update, TradesUpdated):
            return
        self._owner, self._number = update.owner, update.number
        self._put(update)

    def _told(self, data: bytes) -> None:
        try:
            update = self._kind.model_validate_json(data)
        except ValidationError:
            logger.warning("an update of %s cannot be read", self._feed.subject)
            return
        if update.owner != self._owner or update.number <= self._number:
            return
        if update.number != self._number + 1 and isinstance(update, CandlesUpdated):
            self.lost()
            return
        self._number = update.number
        self._put(update)

    def _put(self, update: Update) -> None:
        if update.trouble is not None:
            self._fail(Trouble(update.trouble))
            return
        try:
            state = followed(self._state, update)
        except Missed:
            self.lost()
            return
        self._heard = self._clock()
        before, self._state = self.value, state
        if before is None or isinstance(before, Trouble) or not same(before, state):
            self._show(state)
        else:
            self.value = state

    def _fail(self, why: Trouble) -> None:
        if why != self.value:
            self._show(why)

    def _show(self, value: State | Trouble) -> None:
        self.value = value
        self.version += 1
        for watch in self._watchers:
            watch.tell()
