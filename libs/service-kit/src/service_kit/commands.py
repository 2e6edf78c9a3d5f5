"""The answering side of commands: one typed FastStream subscriber a command class, on the service's own connection.

FastStream's own error handling is not used: an unhandled error would send no reply at all. The Dispatcher answers always, so
no exception reaches FastStream.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from contracts import naming
from contracts.message import Command, Metadata, Reply
from faststream.nats import NatsBroker, NatsMessage, NatsResponse
from nats.aio.client import Client

from service_kit.bus import NATS_AWAY, Bus, drained
from service_kit.dispatch import Dispatcher

logger = logging.getLogger(__name__)

CONCURRENT = 64
"""Commands of one class in progress at a time in one replica; more wait in the subscription's buffer."""

type CommandHandler[C: Command, R: Reply] = Callable[[C, Metadata], Awaitable[R]]


class _Broker(NatsBroker):
    """FastStream on a connection that belongs to the Bus."""

    def __init__(self, bus: Bus, graceful_timeout: float) -> None:
        super().__init__(apply_types=False, logger=None, graceful_timeout=graceful_timeout)
        self._bus = bus

    async def _connect(self) -> Client:
        self.config.connect(self._bus.client)
        return self._bus.client


class Subscription:
    """A command class served at one subject until it is stopped."""

    def __init__(self, subscriber: Any, bus: Bus) -> None:
        self._subscriber = subscriber
        self._bus = bus

    async def start(self) -> None:
        """Begin to serve; whoever asks from now on is answered."""
        await self._subscriber.start()
        await self._bus.settle()

    async def stop(self) -> None:
        """Take no more messages; those taken are answered first, for at most the broker's graceful timeout."""
        subscription = self._subscriber.subscription
        if subscription is not None:
            # Drained before FastStream stops: it drops, unanswered, what arrives while it waits for running handlers.
            try:
                await drained(subscription)
            except NATS_AWAY as error:
                logger.debug("subscription not drained: %s", type(error).__name__)
            self._subscriber.subscription = None
        await self._subscriber.stop()


def reply_type(handler: Callable[..., Any]) -> Any:
    """The annotated reply of a handler, for the AsyncAPI document."""
    return getattr(handler, "__annotations__", {}).get("return", Reply)


def typed_endpoint(command: type[Command], serve: Callable[[NatsMessage], Awaitable[NatsResponse]]) -> Callable[..., Any]:
    """`serve` under the command's name and with its type, which is what the AsyncAPI document is made from."""

    async def endpoint(message: NatsMessage) -> NatsResponse:
        return await serve(message)

    endpoint.__name__ = command.__name__
    endpoint.__annotations__ = {"message": command}
    return endpoint


async def _undecoded(message: NatsMessage) -> NatsMessage:
    return message


class Commands:
    """All command subscribers of a service."""

    def __init__(self, service: str, bus: Bus, dispatcher: Dispatcher, *, graceful_timeout: float = 2.0) -> None:
        """No I/O."""
        self._service = service
        self._bus = bus
        self._dispatcher = dispatcher
        self.broker = _Broker(bus, graceful_timeout)
        self._subscriptions: list[Subscription] = []

    def serve[C: Command, R: Reply](
        self, command: type[C], handler: CommandHandler[C, R], *, subject: str | None = None
    ) -> Subscription:
        """Declare a subscriber in the service's queue group; it serves once started."""

        async def handle(message: C, metadata: Metadata) -> bytes:
            reply = await handler(message, metadata)
            return reply.model_dump_json().encode()

        async def serve(message: NatsMessage) -> NatsResponse:
            answer = await self._dispatcher.answer(command, handle, message.body, message.headers)
            return NatsResponse(answer.body, headers=answer.headers)

        at = subject or naming.command_subject(command)
        subscriber = self.broker.subscriber(
            at,
            queue=naming.queue_group(self._service),
            max_workers=CONCURRENT,
            decoder=_undecoded,
            title=command.__name__,
            # A session's subscribers come and go: FastStream forgets them when we do.
            persistent=subject is None,
            description=command.__doc__,
        )
        subscriber(typed_endpoint(command, serve))
        return Subscription(subscriber, self._bus)

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
