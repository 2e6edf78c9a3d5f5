"""Answering requests side by side, with a limit, and finishing those that were taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from contracts.rejections import Unavailable
from nats.aio.msg import Msg

from service_kit.bus import NATS_AWAY, Bus
from service_kit.wire import Answer, unavailable

logger = logging.getLogger(__name__)

FINISH_TIMEOUT = 2.0


class Responder:
    """Runs at most `limit` answers at a time; more requests wait in their subscription's buffer."""

    def __init__(self, bus: Bus, limit: int) -> None:
        """No I/O."""
        self._bus = bus
        self._free = asyncio.Semaphore(limit)
        self._running: set[asyncio.Task[None]] = set()

    async def take(self, message: Msg, answer: Callable[[Msg], Awaitable[Answer]]) -> None:
        """Begin to answer with a function that never raises; returns when there is room for it, not when it is done."""
        await self._free.acquire()
        task = asyncio.create_task(self._reply(message, answer))
        self._running.add(task)
        task.add_done_callback(self._done)

    async def finish(self) -> None:
        """Wait for the answers that were begun, at most FINISH_TIMEOUT seconds."""
        if self._running:
            await asyncio.wait(self._running, timeout=FINISH_TIMEOUT)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()

    async def _reply(self, message: Msg, answer: Callable[[Msg], Awaitable[Answer]]) -> None:
        reply = await answer(message)
        if not message.reply:
            return
        if len(reply.body) > self._bus.client.max_payload:
            logger.error("answer at %s is larger than the bus carries", message.subject, extra={"bytes": len(reply.body)})
            reply = unavailable(Unavailable("The answer is larger than the message bus carries; ask for a smaller page"))
        try:
            await self._bus.client.publish(message.reply, reply.body, headers=reply.headers)
        except NATS_AWAY as error:
            logger.warning("answer not sent: %s", type(error).__name__, extra={"subject": message.subject})
