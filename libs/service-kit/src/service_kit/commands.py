"""The answering side of commands: one typed FastStream subscriber a command class, on the service's own connection.

FastStream takes the messages and describes them; the answers are given beside it. Its own ways were measured and left out: an
unhandled error would send no reply at all, and its workers answer 32 callers at once more slowly than one after another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from contracts import naming
from contracts.message import Command, Metadata, Reply
from faststream.nats import NatsBroker, NatsMessage
from nats.aio.client import Client
from nats.aio.msg import Msg

from service_kit.bus import Bus
from service_kit.dispatch import Dispatcher
from service_kit.responder import Responder
from service_kit.wire import Answer

CONCURRENT = 64
"""Commands of one class in progress at a time in one replica."""

type CommandHandler[C: Command, R: Reply] = Callable[[C, Metadata], Awaitable[R]]


class _Broker(NatsBroker):
    """FastStream on a connection that belongs to the Bus."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(apply_types=False, logger=None, graceful_timeout=1)
        self._bus = bus

    async def _connect(self) -> Client:
        self.config.connect(self._bus.client)
        return self._bus.client


class Subscription:
    """A command class served at one subject until it is stopped."""

    def __init__(self, subscriber: Any, bus: Bus, responder: Responder) -> None:
        self._subscriber = subscriber
        self._bus = bus
        self._responder = responder

    async def start(self) -> None:
        """Begin to serve; whoever asks from now on is answered."""
        await self._subscriber.start()
        await self._bus.settle()

    async def stop(self) -> None:
        """Take no more messages, and answer those taken (at most about 3 s)."""
        subscription = self._subscriber.subscription
        if subscription is not None:
            # Drained before FastStream stops: it drops, unanswered, what arrives while it stops.
            await self._bus.drain(subscription)
            self._subscriber.subscription = None
        await self._subscriber.stop()
        await self._responder.finish()


class Commands:
    """All command subscribers of a service."""

    def __init__(self, service: str, bus: Bus, dispatcher: Dispatcher) -> None:
        """No I/O."""
        self._service = service
        self._bus = bus
        self._dispatcher = dispatcher
        self.broker = _Broker(bus)
        self._subscriptions: list[Subscription] = []

    def serve[C: Command, R: Reply](
        self, command: type[C], handler: CommandHandler[C, R], *, subject: str | None = None
    ) -> Subscription:
        """Declare a subscriber in the service's queue group; it serves once started."""
        responder = Responder(self._bus, CONCURRENT)

        async def handle(message: C, metadata: Metadata) -> bytes:
            reply = await handler(message, metadata)
            return reply.model_dump_json().encode()

        async def answer(message: Msg) -> Answer:
            return await self._dispatcher.answer(command, handle, message.data, message.headers or {})

        async def endpoint(message: NatsMessage) -> None:
            await responder.take(message.raw_message, answer)

        subscriber = self.broker.subscriber(
            subject or naming.command_subject(command),
            queue=naming.queue_group(self._service),
            decoder=_undecoded,
            no_reply=True,
            title=command.__name__,
            description=command.__doc__,
            # A session's subscribers come and go: FastStream forgets them when we do.
            persistent=subject is None,
        )
        # The AsyncAPI document is made from these two.
        endpoint.__name__ = command.__name__
        endpoint.__annotations__ = {"message": command, "return": None}
        subscriber(endpoint)
        return Subscription(subscriber, self._bus, responder)

    def declare[C: Command, R: Reply](self, command: type[C], handler: CommandHandler[C, R]) -> None:
        """Serve `command` from `start` to `stop`."""
        self._subscriptions.append(self.serve(command, handler))

    async def connect(self) -> None:
        """Bind FastStream to the bus's connection."""
        await self.broker.connect()

    async def start(self) -> None:
        """Serve all declared commands."""
        await asyncio.gather(*(subscription.start() for subscription in self._subscriptions))

    async def stop(self) -> None:
        """Answer what was taken, take no more."""
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions))


async def _undecoded(message: NatsMessage) -> NatsMessage:
    return message
