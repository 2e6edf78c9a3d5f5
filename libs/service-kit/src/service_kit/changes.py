"""The owner's side of copies: telling that rows changed on which answers depend, and for how long an answer may be kept.

A message on core NATS names this process and its generation, which grows with every change; the same message again every
HEARTBEAT seconds lets whoever missed one, or lost the owner, find out. `copies` is the other side.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from uuid import uuid4

from contracts import naming

from service_kit.bus import NATS_AWAY, Bus

logger = logging.getLogger(__name__)

HEARTBEAT = 1.0
"""Seconds between two messages when nothing changes."""

LONGEST = 5.0
"""Seconds; no answer may be kept longer, so that even a change nobody tells of (an operator's replay) shows soon."""

GONE = -1
"""The generation of an owner that stops."""


@dataclass(frozen=True, slots=True)
class Keepable:
    """A query's answer that may be kept for so many seconds, or until the next change. None left: it may not."""

    body: bytes
    seconds: float = LONGEST


class Changes:
    """What one replica of a service tells; run it under a supervisor."""

    def __init__(self, bus: Bus, context: str) -> None:
        """No I/O."""
        self.pace = 0.0
        """Seconds at least between two messages: a service that commits all the time tells of many changes with one."""
        self.owner = uuid4().hex
        """This process among the replicas of the service, before and after restarts."""
        self._bus = bus
        self._subject = naming.changes_subject(context)
        self._generation = 0
        self._news = asyncio.Event()

    def changed(self) -> None:
        """Rows changed and are committed; it is told at once."""
        self._generation += 1
        self._news.set()

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            self._news.clear()
            await self._tell(self._generation)
            await asyncio.sleep(self.pace)
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._news.wait()
            except TimeoutError:
                logger.debug("nothing changed")

    async def stop(self) -> None:
        """Tell that this process answers no more."""
        await self._tell(GONE)

    async def _tell(self, generation: int) -> None:
        # While NATS is away nobody keeps anything: nothing is to pile up for its return.
        if not self._bus.connected:
            return
        try:
            await self._bus.client.publish(self._subject, f"{self.owner} {generation}".encode())
        except NATS_AWAY as error:
            logger.info("change not told: %s", type(error).__name__)
