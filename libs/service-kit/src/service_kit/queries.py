"""The answering side of queries: nats-py directly, because this is the hot path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from contracts import naming
from contracts.message import Metadata, Query
from contracts.rejections import Unavailable
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from service_kit.bus import NATS_AWAY, Bus, drained
from service_kit.dispatch import Dispatcher
from service_kit.wire import Answer, unavailable

logger = logging.getLogger(__name__)

CONCURRENT = 256
"""Queries in progress at a time in one replica, over all classes; more wait in the subscriptions' buffers."""

type QueryHandler[Q: Query] = Callable[[Q, Metadata], Awaitable[bytes]]


class Queries:
    """All query subscriptions of a service, in its queue group."""

    def __init__(self, service: str, bus: Bus, dispatcher: Dispatcher) -> None:
        """No I/O."""
        self._service = service
        self._bus = bus
        self._dispatcher = dispatcher
        self._answers: dict[str, Callable[[Msg], Awaitable[Answer]]] = {}
        self._subscriptions: list[Subscription] = []
        self._running: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(CONCURRENT)
        self.declared: list[type[Query]] = []

    def declare[Q: Query](self, query: type[Q], handler: QueryHandler[Q]) -> None:
        """Serve `query` from `start` to `stop`; the handler gives the final JSON."""

        async def answer(message: Msg) -> Answer:
            return await self._dispatcher.answer(query, handler, message.data, message.headers or {})

        self.declared.append(query)
        self.declare_raw(naming.query_subject(query), answer)

    def declare_raw(self, subject: str, answer: Callable[[Msg], Awaitable[Answer]]) -> None:
        """Answer at `subject` with a function that never raises."""
        self._answers[subject] = answer

    async def start(self) -> None:
        """Serve all declared queries."""
        for subject, answer in self._answers.items():
            subscription = await self._bus.client.subscribe(
                subject, queue=naming.queue_group(self._service), cb=self._taker(answer)
            )
            self._subscriptions.append(subscription)
        await self._bus.settle()

    async def stop(self) -> None:
        """Take no more queries and answer those taken (at most 2 s)."""
        for subscription in self._subscriptions:
            try:
                await drained(subscription)
            except NATS_AWAY as error:
                logger.debug("subscription not drained: %s", type(error).__name__)
        self._subscriptions.clear()
        if self._running:
            await asyncio.wait(self._running, timeout=2)

    def _taker(self, answer: Callable[[Msg], Awaitable[Answer]]) -> Callable[[Msg], Awaitable[None]]:
        async def take(message: Msg) -> None:
            await self._free.acquire()
            task = asyncio.create_task(self._reply(answer, message))
            self._running.add(task)
            task.add_done_callback(self._done)

        return take

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()

    async def _reply(self, answer: Callable[[Msg], Awaitable[Answer]], message: Msg) -> None:
        reply = await answer(message)
        if len(reply.body) > self._bus.client.max_payload:
            logger.error("answer at %s is larger than the bus carries", message.subject, extra={"bytes": len(reply.body)})
            reply = unavailable(Unavailable("The answer is larger than the message bus carries; ask for a smaller page"))
        try:
            await self._bus.client.publish(message.reply, reply.body, headers=reply.headers)
        except NATS_AWAY as error:
            logger.warning("answer not sent: %s", type(error).__name__, extra={"subject": message.subject})
