"""The answering side of commands: one typed FastStream subscriber a command class, on the service's own connection.

FastStream takes the messages and describes them; the answers are given beside it. Its own ways were measured and left out: an
unhandled error would send no reply at all, and its workers answer 32 callers at once more slowly than one after another. The
commands of sessions do without it.
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
from nats.aio.subscription import Subscription as NatsSubscription

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
    """A command class served through FastStream until it is stopped."""

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


class SessionSubscription:
    """A command class served at one session's own subject, by nats-py directly: orders come this way, and FastStream's way to
    the endpoint costs a third of what answering one does.
    """

    def __init__(
        self, bus: Bus, subject: str, queue: str, responder: Responder, answer: Callable[[Msg], Awaitable[Answer]]
    ) -> None:
        self._bus = bus
        self._subject = subject
        self._queue = queue
        self._responder = responder
        self._answer = answer
        self._subscription: NatsSubscription | None = None

    async def start(self) -> None:
        """Begin to serve; whoever asks from now on is answered."""
        self._subscription = await self._bus.client.subscribe(self._subject, queue=self._queue, cb=self._take)
        await self._bus.settle()

    async def stop(self) -> None:
        """Take no more messages, and answer those taken (at most about 3 s)."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await self._bus.drain(subscription)
        await self._responder.finish()

    async def _take(self, message: Msg) -> None:
        await self._responder.take(message, self._answer)


class Commands:
    """All command subscribers of a service."""

    def __init__(self, service: str, bus: Bus, dispatcher: Dispatcher) -> None:
        """No I/O."""
        self._service = service
        self._bus = bus
        self._dispatcher = dispatcher
        self.broker = _Broker(bus)
        self._subscriptions: list[Subscription] = []

    def session[C: Command, R: Reply](
        self, command: type[C], handler: CommandHandler[C, R], subject: str
    ) -> SessionSubscription:
        """A subscription to a session's subject in the service's queue group; it serves once started."""
        responder, queue = Responder(self._bus, CONCURRENT), naming.queue_group(self._service)
        return SessionSubscription(self._bus, subject, queue, responder, self._answering(command, handler))

    def declare[C: Command, R: Reply](self, command: type[C], handler: CommandHandler[C, R]) -> None:
        """Serve `command` in the service's queue group from `start` to `stop`."""
        responder, answer = Responder(self._bus, CONCURRENT), self._answering(command, handler)

        async def endpoint(message: NatsMessage) -> None:
            await responder.take(message.raw_message, answer)

        subscriber = self.broker.subscriber(
            naming.command_subject(command),
            queue=naming.queue_group(self._service),
            decoder=_undecoded,
            no_reply=True,
            title=command.__name__,
            description=command.__doc__,
        )
        # The AsyncAPI document is made from these two.
        endpoint.__name__ = command.__name__
        endpoint.__annotations__ = {"message": command, "return": None}
        subscriber(endpoint)
        self._subscriptions.append(Subscription(subscriber, self._bus, responder))

    def _answering[C: Command, R: Reply](
        self, command: type[C], handler: CommandHandler[C, R]
    ) -> Callable[[Msg], Awaitable[Answer]]:
        async def handle(message: C, metadata: Metadata) -> bytes:
            reply = await handler(message, metadata)
            return reply.model_dump_json().encode()

        async def answer(message: Msg) -> Answer:
            return await self._dispatcher.answer(command, handle, message.data, message.headers or {})

        return answer

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
