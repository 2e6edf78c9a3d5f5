"""Tells updates of live feeds on the bus while somebody wants them (ADR 35)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from contracts import naming
from contracts.market_feeds import HEARTBEAT, WANTED_SECONDS, WatchFeed
from contracts.message import Metadata
from contracts.rejections import Unavailable
from service_kit.supervisor import Crash, guarded

from market_data.handlers.looks import Look, Members

logger = logging.getLogger(__name__)

PACE = 0.1
"""Seconds between two looks at a feed; what changes meanwhile is told together."""

STOPPING = "market-data is stopping"

type Tell = Callable[[str, bytes], Awaitable[None]]
"""Publishes; what cannot be sent now is lost."""


class Watching:
    """The feeds that are wanted. Each is looked at by a task of its own, so that a slow exchange delays no other feed."""

    def __init__(self, tell: Tell, make: Callable[[str], Look]) -> None:
        """No I/O. `make` gives what looks at a feed of a kind."""
        self._tell = tell
        self._make = make
        self._owner = uuid4().hex[:16]
        self._told: dict[tuple[str, ...], _Told] = {}

    async def watch(self, query: WatchFeed, _metadata: Metadata) -> bytes:
        """The state now, told on from here. Refused and Unavailable as the query says."""
        name = (query.connector, query.trading_pair, *((query.interval,) if query.kind == "candles" else ()))
        known = self._told.get((query.kind, *name))
        look = self._make(query.kind) if known is None else known.look
        await look.keep(query)
        told = self._told.get((query.kind, *name))
        if told is None or told.task.done():
            told = _Told(self._owner, naming.feed_subject(look.kind, *name), look, self._tell)
            self._told[query.kind, *name] = told
            told.task.add_done_callback(self._ended)
        return await told.wanted(query.rows)

    def count(self) -> int:
        """How many feeds are told of."""
        return len(self._told)

    async def stop(self) -> None:
        """Tell everybody that nothing more is told from here."""
        await asyncio.gather(*(told.stop() for told in list(self._told.values())))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._told = {name: told for name, told in self._told.items() if told.task is not task}
        if not task.cancelled() and task.exception() is not None:
            logger.error("telling of a feed failed", exc_info=task.exception())


class _Told:
    """One feed that is told of, from the first time it is wanted until nobody wants it."""

    def __init__(self, owner: str, subject: str, look: Look, tell: Tell) -> None:
        self.look = look
        self._owner = owner
        self._subject = subject
        self._tell = tell
        self._wants: dict[int, float] = {}
        self._number = 0
        self._trouble: str | None = None
        self._last = 0.0
        # What is told and what is answered are one sequence.
        self._turn = asyncio.Lock()
        self._wants[1] = time.monotonic() + WANTED_SECONDS
        self.task = asyncio.create_task(self._run(), name=f"telling {subject}")

    async def wanted(self, rows: int) -> bytes:
        """The whole state, of which everything told before is part. Raises Unavailable."""
        self._wants[rows] = time.monotonic() + WANTED_SECONDS
        async with self._turn:
            outcome = await self._told_news()
            if isinstance(outcome, Crash):
                raise outcome.error
            return self._update(self.look.whole(self._rows()))

    async def stop(self) -> None:
        """End, and say so."""
        self.task.cancel()
        await self._say(trouble=STOPPING)

    async def _run(self) -> None:
        try:
            while self._rows():
                await asyncio.sleep(PACE)
                async with self._turn:
                    await self._told_news()
        finally:
            self.look.close()

    def _rows(self) -> int:
        """The most that anybody wants; 0 when nobody wants anything."""
        now = time.monotonic()
        self._wants = {rows: until for rows, until in self._wants.items() if until > now}
        return max(self._wants, default=0)

    async def _told_news(self) -> Members | Crash | None:
        """Look, and tell what is new, or in time that nothing is."""
        outcome = await guarded(self._looked())
        if not isinstance(outcome, Crash):
            self._trouble = None
            if outcome is not None:
                await self._say(outcome)
            return outcome
        why = outcome.error.detail if isinstance(outcome.error, Unavailable) else "Internal error"
        if why != self._trouble or self._due():
            if why != self._trouble and not isinstance(outcome.error, Unavailable):
                logger.error("%s cannot be looked at", self._subject, exc_info=outcome.error)
            self._trouble = why
            self.look.afresh()
            await self._say(trouble=why)
        return outcome

    async def _looked(self) -> Members | None:
        rows = max(1, self._rows())
        news = await self.look.news(rows)
        if news is None and (self._trouble is not None or self._due()):
            return self.look.beat(rows)
        return news

    def _due(self) -> bool:
        return time.monotonic() - self._last >= HEARTBEAT

    async def _say(self, members: Members | None = None, *, trouble: str | None = None) -> None:
        self._number += 1
        self._last = time.monotonic()
        await self._tell(self._subject, self._update(members or {}, trouble))

    def _update(self, members: Members, trouble: str | None = None) -> bytes:
        update = self.look.kind(owner=self._owner, number=self._number, at=time.time(), trouble=trouble, **members)
        return update.model_dump_json().encode()
