"""The answering side of queries: nats-py directly, because this is the hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from contracts import naming
from contracts.message import Metadata, Query
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from service_kit.bus import Bus
from service_kit.changes import Keepable
from service_kit.dispatch import Dispatcher
from service_kit.responder import Responder
from service_kit.wire import Answer

CONCURRENT = 256
"""Queries in progress at a time in one replica, over all classes."""

type QueryHandler[Q: Query] = Callable[[Q, Metadata], Awaitable[bytes | Keepable]]


class Queries:
    """All query subscriptions of a service: in its queue group, but for those that every replica gets."""

    def __init__(self, service: str, bus: Bus, dispatcher: Dispatcher, owner: str = "", replica: str = "") -> None:
        """No I/O. `owner` is the process as its `Changes` names it, `replica` as its settings do."""
        self._owner = owner
        self._replica = replica
        self._service = service
        self._bus = bus
        self._dispatcher = dispatcher
        self._responder = Responder(bus, CONCURRENT)
        self._answers: dict[str, Callable[[Msg], Awaitable[Answer]]] = {}
        self._every_replica: set[str] = set()
        self._subscriptions: list[Subscription] = []

    def declare[Q: Query](
        self, query: type[Q], handler: QueryHandler[Q], *, every_replica: bool = False, own: QueryHandler[Q] | None = None
    ) -> None:
        """Serve `query` from `start` to `stop`; the handler gives the final JSON. `own` answers what is for this replica."""
        self._declare(query, handler, naming.query_subject(query), every_replica)
        if own is not None:
            self._declare(query, own, naming.replica_query_subject(self._replica, query), every_replica=True)

    def _declare[Q: Query](self, query: type[Q], handler: QueryHandler[Q], subject: str, every_replica: bool) -> None:
        if every_replica:
            self._every_replica.add(subject)

        async def answer(message: Msg) -> Answer:
            keep: str | None = None

            async def handle(query: Q, metadata: Metadata) -> bytes:
                nonlocal keep
                found = await handler(query, metadata)
                if not isinstance(found, Keepable):
                    return found
                keep = f"{self._owner} {found.seconds:.3f}" if self._owner and found.seconds > 0 else None
                return found.body

            given = await self._dispatcher.answer(query, handle, message.data, message.headers or {})
            return given if keep is None else replace(given, keep=keep)

        self.declare_raw(subject, answer)

    def declare_raw(self, subject: str, answer: Callable[[Msg], Awaitable[Answer]]) -> None:
        """Answer at `subject` with a function that never raises."""
        self._answers[subject] = answer

    async def start(self) -> None:
        """Serve all declared queries."""
        for subject, answer in self._answers.items():
            queue = "" if subject in self._every_replica else naming.queue_group(self._service)
            self._subscriptions.append(await self._bus.client.subscribe(subject, queue=queue, cb=self._taker(answer)))
        await self._bus.settle()

    async def stop(self) -> None:
        """Take no more queries and answer those taken."""
        await asyncio.gather(*(self._bus.drain(subscription) for subscription in self._subscriptions))
        self._subscriptions.clear()
        await self._responder.finish()

    def _taker(self, answer: Callable[[Msg], Awaitable[Answer]]) -> Callable[[Msg], Awaitable[None]]:
        async def take(message: Msg) -> None:
            await self._responder.take(message, answer)

        return take
