"""The running feeds: started when somebody asks, shared by all, closed when nobody asked for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.rejections import Unavailable
from service_kit.flight import Flights

logger = logging.getLogger(__name__)

STOP_SECONDS = 3.0

HANDOVER_SECONDS = 15.0
"""For which a feed that belongs to another replica is kept after it was last asked for here."""


class Feed(Protocol):
    """Something that keeps itself up to date between `start` and `stop`."""

    name: str
    kind: str
    config: str

    async def start(self) -> None:
        """Return when it is current. Raises Unavailable."""
        ...

    async def stop(self) -> None:
        """End it; also what a start that failed or was given up left behind."""
        ...

    def health(self) -> dict[str, Any]:
        """How it is, as members of its entry among the active feeds."""
        ...


@dataclass(slots=True)
class _Running[F: Feed]:
    feed: F
    touched: float


class Feeds:
    """By name. A feed that cannot start says why and leaves nothing behind."""

    def __init__(self, timeout: float, every: float, patience: float) -> None:
        """Seconds: after which a feed nobody asked for is closed, how often that is looked at, and what a start may take."""
        self.timeout = timeout
        self.every = every
        self._patience = patience
        self._running: dict[str, _Running[Any]] = {}
        self._starts: Flights[Any] = Flights()

    async def of[F: Feed](self, name: str, make: Callable[[], F]) -> F:
        """The running feed, or that of `make`, started. Raises what its start raises; Unavailable when it takes too long."""
        found = self._running.get(name)
        if found is None:
            await self._starts.join(name, lambda: self._start(make()))
            found = self._running[name]
        found.touched = time.time()
        feed: F = found.feed
        return feed

    async def close(self, name: str) -> bool:
        """Stop a feed; False when there is none."""
        found = self._running.pop(name, None)
        if found is not None:
            await _stopped(found.feed)
        return found is not None

    def listing(self) -> dict[str, dict[str, Any]]:
        """The contract's entries by name."""
        now = time.time()
        return {name: self._entry(running, now) for name, running in sorted(self._running.items())}

    def of_kind[F: Feed](self, kind: type[F]) -> list[F]:
        """The running feeds of a class."""
        return [running.feed for running in self._running.values() if isinstance(running.feed, kind)]

    def count(self, kind: str) -> int:
        """How many of a kind are running."""
        return sum(running.feed.kind == kind for running in self._running.values())

    def waiting(self, kind: str) -> int:
        """How many of a kind are running and not current."""
        feeds = (running.feed for running in self._running.values() if running.feed.kind == kind)
        return sum(feed.health()["status"] != "live" for feed in feeds)

    async def keep(self) -> None:
        """Close idle feeds, for ever."""
        while True:
            await asyncio.sleep(min(self.every, self.timeout))
            await self.sweep()

    async def hand_over(self, mine: Callable[[str], bool]) -> None:
        """Close feeds that belong to another replica by now, once nobody asks for them here any more; for ever."""
        while True:
            await asyncio.sleep(HANDOVER_SECONDS / 3)
            limit = time.time() - HANDOVER_SECONDS
            for name in [name for name, running in self._running.items() if running.touched < limit and not mine(name)]:
                logger.info("feed %s closed: another replica has it", name)
                await self.close(name)

    async def sweep(self) -> None:
        """Close those nobody asked for within the timeout."""
        limit = time.time() - self.timeout
        for name in [name for name, running in self._running.items() if running.touched < limit]:
            logger.info("feed %s closed: nobody asked for it", name)
            await self.close(name)

    async def stop(self) -> None:
        """Close all."""
        await asyncio.gather(*(self.close(name) for name in list(self._running)))

    async def _start(self, feed: Feed) -> None:
        started = False
        try:
            async with asyncio.timeout(self._patience):
                await feed.start()
            started = True
        except TimeoutError as error:
            msg = f"The feed {feed.name} was not ready within {self._patience:g} seconds"
            raise Unavailable(msg, retry_after=5) from error
        finally:
            if not started:
                await _stopped(feed)
        self._running[feed.name] = _Running(feed, time.time())
        logger.info("feed %s started", feed.name)

    def _entry(self, running: _Running[Any], now: float) -> dict[str, Any]:
        return {
            "feed_type": running.feed.kind,
            "last_access_time": running.touched,
            "seconds_since_access": now - running.touched,
            "will_expire_in": max(0.0, self.timeout - (now - running.touched)),
            "config": running.feed.config,
            **running.feed.health(),
        }


async def _stopped(feed: Feed) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await feed.stop()
    except TimeoutError:
        logger.warning("feed %s did not end in time", feed.name)
