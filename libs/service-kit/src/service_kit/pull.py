"""Long pulls from a JetStream consumer.

nats-py's `fetch` waits for a full batch until it times out, so it is either late or busy. Here one request of up to 30 s is
open at a time, what arrives is handed over at once, and a lost request is noticed by missed heartbeats or by a reconnect.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque

from contracts import naming
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header, StatusCode

from service_kit.bus import Bus

EXPIRES = 30.0
HEARTBEAT = 10.0
_NANOSECONDS = 1_000_000_000


class PullLost(Exception):
    """The consumer or the connection is gone: look at the stream again and start over."""


class Pull:
    """Pulls batches from one consumer, in order."""

    def __init__(self, bus: Bus, stream: str, consumer: str, *, limit: int) -> None:
        """No I/O. `limit`: messages in one request, and at most in one batch."""
        self._bus = bus
        self._next = naming.pull_subject(stream, consumer)
        self._limit = limit
        self._queue: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._wanted = 0
        self._epoch = bus.epoch
        self._inbox: str = bus.client.new_inbox()
        self._subscription: Subscription | None = None
        self._forget = bus.on_reconnect(self._arrived.set)

    async def start(self) -> None:
        """Open the inbox the messages come to."""
        self._subscription = await self._bus.client.subscribe(self._inbox, cb=self._take)

    async def stop(self) -> None:
        """Close the inbox; messages that were not handed over are delivered again."""
        self._forget()
        if self._subscription is not None and not self._bus.client.is_closed:
            await self._subscription.unsubscribe()

    async def batch(self) -> list[Msg]:
        """The next messages, at least one; waits as long as it takes. Raises PullLost."""
        while True:
            messages = self._drain()
            if messages:
                return messages
            if self._epoch != self._bus.epoch:
                msg = "connection made anew"
                raise PullLost(msg)
            if self._wanted <= 0:
                await self._ask()
            await self._wait()

    async def _take(self, message: Msg) -> None:
        self._queue.append(message)
        self._arrived.set()

    def _drain(self) -> list[Msg]:
        self._arrived.clear()
        messages: list[Msg] = []
        while self._queue and len(messages) < self._limit:
            status = _status(self._queue[0])
            if status is None:
                self._wanted -= 1
                messages.append(self._queue.popleft())
            elif messages:
                break
            else:
                self._heed(status, self._queue.popleft())
        return messages

    def _heed(self, status: str, message: Msg) -> None:
        description = str((message.headers or {}).get(Header.DESCRIPTION, ""))
        if status == StatusCode.CONTROL_MESSAGE:
            return
        if status in {StatusCode.REQUEST_TIMEOUT, StatusCode.NO_MESSAGES} or description == "Batch Completed":
            self._wanted = 0
            return
        msg = f"{status} {description}".rstrip()
        raise PullLost(msg)

    async def _ask(self) -> None:
        self._wanted = self._limit
        request = {
            "batch": self._limit,
            "expires": int(EXPIRES * _NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT * _NANOSECONDS),
        }
        await self._bus.client.publish(self._next, json.dumps(request).encode(), self._inbox)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(2.5 * HEARTBEAT):
                await self._arrived.wait()
        except TimeoutError as error:
            msg = "no heartbeat"
            raise PullLost(msg) from error


def _status(message: Msg) -> str | None:
    if message.data or not message.headers:
        return None
    return message.headers.get(Header.STATUS)
