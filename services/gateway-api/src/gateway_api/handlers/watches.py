"""One reading shared by all who watch the same thing: repeated at the shortest interval that any of them asked for.

A reading whose owner tells of changes (see `service_kit.copies`) is not repeated before such a notice, or before its time is
over: what nobody changes costs a question every few seconds, however many watch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.rejections import Unavailable
from service_kit.supervisor import Crash, guarded

from gateway_api.domain.watched import Trouble
from gateway_api.handlers.turns import Turns

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading[T]:
    """What was read; `good_for` seconds it need not be read again unless its owner tells of a change."""

    value: T | Trouble
    good_for: float = 0


class Watches:
    """What is watched, by a key that names what is read and for whom."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._watched: dict[Hashable, _Watched[Any]] = {}

    def watch[T](
        self, key: Hashable, read: Callable[[], Awaitable[Reading[T]]], interval: float, news: Callable[[], None]
    ) -> Watch[T]:
        """Calls `news` for the first state and for later ones that differ, at most once every `interval` seconds.

        Of those who give the same key, the `read` of the first is used. Needs a running loop.
        """
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched(read, self._turns, lambda: self._watched.pop(key, None))
        return watched.join(interval, news)

    def changed(self) -> None:
        """An owner told of a change, or may have been unable to."""
        for watched in self._watched.values():
            watched.changed()


class Watched[T](Protocol):
    """What is watched: its state, and a number that changes with it."""

    version: int
    value: T | Trouble | None

    def leave(self, watch: Watch[T]) -> None:
        """Somebody watches no more."""
        ...


class Watch[T]:
    """One watcher's place."""

    def __init__(self, watched: Watched[T], interval: float, news: Callable[[], None], turns: Turns) -> None:
        self.interval = interval
        self._watched = watched
        self._news = news
        self._turns = turns
        self._heard = 0
        self._taken = 0
        self._next = 0.0
        self._skipped = 0
        self._told = self._in_line = False
        self._later: asyncio.TimerHandle | None = None

    @property
    def state(self) -> T | Trouble | None:
        """The newest state, also when it was taken."""
        return self._watched.value

    def take(self) -> tuple[T | Trouble, int] | None:
        """The newest state and how many were missed since they were told of; None when it was taken before."""
        if self._taken == self._watched.version or self._watched.value is None:
            return None
        skipped, self._skipped, self._told = self._skipped, 0, False
        self._taken = self._watched.version
        self._next = time.monotonic() + self.interval
        return self._watched.value, skipped

    def close(self) -> None:
        """Watch no more."""
        if self._later is not None:
            self._later.cancel()
        self._turns.drop(self._turn)
        self._watched.leave(self)

    def tell(self) -> None:
        """There may be a new state."""
        if self._heard == self._watched.version:
            return
        self._heard = self._watched.version
        if self._later is not None or self._in_line:
            return
        if self._told:
            self._skipped += 1
            return
        wait = self._next - time.monotonic()
        if wait > 0:
            self._later = asyncio.get_running_loop().call_later(wait, self._now)
        else:
            self._now()

    def _now(self) -> None:
        self._later = None
        self._in_line = True
        self._turns.add(self._turn)

    def _turn(self) -> None:
        self._in_line, self._told = False, True
        self._news()


class _Watched[T]:
    """What is read, its state, and everyone who watches it."""

    def __init__(self, read: Callable[[], Awaitable[Reading[T]]], turns: Turns, unwatched: Callable[[], object]) -> None:
        self.version = 0
        self.value: T | Trouble | None = None
        self._read = read
        self._turns = turns
        self._unwatched = unwatched
        self._watchers: dict[Watch[T], None] = {}
        self._stale = False
        self._joined = False
        self._stir = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def join(self, interval: float, news: Callable[[], None]) -> Watch[T]:
        watch = Watch(self, interval, news, self._turns)
        self._watchers[watch] = None
        self._joined = True
        self._stir.set()
        return watch

    def leave(self, watch: Watch[T]) -> None:
        self._watchers.pop(watch)
        if not self._watchers:
            self._task.cancel()
            self._unwatched()

    def changed(self) -> None:
        self._stale = True
        self._stir.set()

    async def _run(self) -> None:
        while True:
            self._stale = self._joined = False
            begun = time.monotonic()
            reading = await self._reading()
            if reading.value != self.value:
                self.version += 1
                self.value = reading.value
            # Also when nothing is new: somebody may have joined, and `tell` knows who has heard of it.
            for watch in list(self._watchers):
                watch.tell()
            await self._due(begun, reading.good_for)

    async def _reading(self) -> Reading[T]:
        outcome = await guarded(self._read())
        if not isinstance(outcome, Crash):
            return outcome
        if isinstance(outcome.error, Unavailable):
            return Reading(Trouble(outcome.error.detail))
        logger.error("reading for watchers failed", exc_info=outcome.error)
        return Reading(Trouble("Internal error"))

    async def _due(self, begun: float, good_for: float) -> None:
        """Returns when it is time for the next reading."""
        while not self._joined:
            interval = min(watch.interval for watch in self._watchers)
            due = begun + (interval if self._stale else max(interval, good_for))
            left = due - time.monotonic()
            if left <= 0:
                return
            self._stir.clear()
            try:
                async with asyncio.timeout(left):
                    await self._stir.wait()
            except TimeoutError:
                return
