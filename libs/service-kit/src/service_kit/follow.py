"""Follows events of several contexts as their streams get them, for people who watch; nothing is acknowledged or remembered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from contracts import naming
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamState

from service_kit.bus import NATS_AWAY, Bus
from service_kit.pull import Pull, PullLost
from service_kit.received import feed_place
from service_kit.supervisor import backoff

logger = logging.getLogger(__name__)

BATCH = 100
INACTIVE = 60.0
"""Seconds after which JetStream forgets the consumer of somebody who stopped watching."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One message of an event stream, as it is: headers as `received.event_headers` makes them, the body an event's JSON."""

    subject: str
    headers: Mapping[str, str]
    body: bytes


async def follow(bus: Bus, contexts: Sequence[str], subject: str, *, from_start: bool = False) -> AsyncGenerator[Followed]:
    """The messages of events whose subject matches, each once, from now or from the streams' start; it never ends.

    Each context's in order. Goes on after losses of NATS and of a stream. ValueError when no event has such a subject.
    """
    filters = naming.event_filters(subject, contexts)
    # Small: whoever reads slowly makes us ask for less, and nobody else wait.
    queue: asyncio.Queue[Msg] = asyncio.Queue(BATCH)
    followers = [_Follower(bus, context, each, from_start=from_start) for context, each in filters.items()]
    tasks = [asyncio.create_task(each.run(queue)) for each in followers]
    try:
        while True:
            message = await queue.get()
            yield Followed(message.subject, message.headers or {}, message.data)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


class _Follower:
    """Follows one context's stream."""

    def __init__(self, bus: Bus, context: str, filter_: str, *, from_start: bool) -> None:
        self._bus = bus
        self._stream = naming.event_stream(context)
        self._filter = filter_
        self._sequence = 0 if from_start else None
        self._place = (0, 0)

    async def run(self, queue: asyncio.Queue[Msg]) -> None:
        attempt = 0
        while True:
            try:
                async for message in self._messages():
                    attempt = 0
                    await queue.put(message)
            except (PullLost, *NATS_AWAY) as error:
                attempt += 1
                logger.debug("following %s starts over: %s", self._stream, error)
            await asyncio.sleep(backoff(attempt, first=0.1, longest=3))

    async def _messages(self) -> AsyncIterator[Msg]:
        pull = Pull(self._bus, self._stream, await self._make_consumer(), limit=BATCH)
        try:
            await pull.start()
            while True:
                for message in await pull.batch():
                    if self._is_new(message):
                        yield message
        finally:
            await pull.stop()

    def _is_new(self, message: Msg) -> bool:
        """Streams have the order of their log, so what is not behind the last place was told before the stream was refilled."""
        self._sequence = message.metadata.sequence.stream
        try:
            place = feed_place(message.headers or {})
        except (KeyError, ValueError):
            return True  # of no relay; the people watching should see it
        if place <= self._place:
            return False
        self._place = place
        return True

    async def _make_consumer(self) -> str:
        info = await self._bus.jetstream.stream_info(self._stream)
        name = f"follow-{uuid4().hex}"
        config = ConsumerConfig(
            name=name,
            filter_subject=self._filter,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._next(info.state),
            ack_policy=AckPolicy.NONE,
            inactive_threshold=INACTIVE,
        )
        await self._bus.jetstream.add_consumer(self._stream, config)
        return name

    def _next(self, state: StreamState) -> int:
        if self._sequence is None:
            self._sequence = state.last_seq
        elif self._sequence > state.last_seq:
            self._sequence = 0  # another stream of that name: it will be filled from the log's beginning
        return self._sequence + 1
