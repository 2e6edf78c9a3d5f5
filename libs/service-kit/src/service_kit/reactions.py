"""Reactions: a handler for each event of another context (or the own), at least once, with retries and dead letters.

Events of one aggregate are handled in their order, as long as none has to be retried; different aggregates side by side. A
wiped stream is delivered from its beginning again: handlers look at the current state, they do not trust an event to be new.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from dataclasses import replace

from contracts import naming
from contracts.rejections import Unavailable
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from opentelemetry.trace import SpanKind

from service_kit.bus import NATS_AWAY, Bus
from service_kit.dead_letters import bury, ensure_dead_letter_stream
from service_kit.observation import Observation
from service_kit.pull import Pull, PullLost
from service_kit.received import Backlog, EventUnreadable, Received, read_event
from service_kit.supervisor import Crash, backoff, guarded
from service_kit.telemetry import Tracing, traceparent

logger = logging.getLogger(__name__)

BATCH = 16
HANDLED_WITHIN = 25.0
ACK_WAIT = 60.0
"""More than one batch of slow handlers, so that nothing is delivered again while it is being handled."""
MAX_DELIVERIES = 8
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0

type ReactionHandler = Callable[[Received], Awaitable[None]]


class Reaction:
    """One durable consumer and its handler; run it under a supervisor."""

    def __init__(
        self,
        bus: Bus,
        tracing: Tracing,
        durable: str,
        context: str,
        subjects: Sequence[str],
        handler: ReactionHandler,
        *,
        max_deliveries: int = MAX_DELIVERIES,
        first_delay: float = FIRST_DELAY,
        observation: Observation | None = None,
    ) -> None:
        """No I/O. A message that failed `max_deliveries` times becomes a dead letter; Unavailable does not count."""
        self._observation = observation or Observation(tracing)
        self.backlog = Backlog()
        self._bus = bus
        self._tracing = tracing
        self._durable = durable
        self._stream = naming.event_stream(context)
        self._subjects = list(subjects)
        self._handler = handler
        self._max_deliveries = max_deliveries
        self._first_delay = first_delay
        self._trouble: str | None = "not started"

    @property
    def trouble(self) -> str | None:
        """Why events are not being handled, or None."""
        return self._trouble

    def retries(self) -> Reaction:
        """The same reaction to the dead letters that an operator sends again; run it beside this one."""
        again = copy(self)
        again._stream = naming.DEAD_LETTER_STREAM
        again._subjects = [naming.dead_letter_retries(self._durable)]
        again._trouble = "not started"
        again.backlog = Backlog()
        return again

    async def run(self) -> None:
        """Handle events for ever."""
        attempt = 0
        while True:
            try:
                await self._follow()
            except (PullLost, *NATS_AWAY) as error:
                attempt = 1 if self._trouble is None else attempt + 1
                self._trouble = f"{self._stream}: {type(error).__name__} {error}".rstrip()
                logger.info("reaction %s starts over: %s", self._durable, self._trouble)
            await asyncio.sleep(backoff(attempt, first=0.1, longest=3))

    async def _follow(self) -> None:
        await self._make_consumer()
        pull = Pull(self._bus, self._stream, self._durable, limit=BATCH)
        try:
            await pull.start()
            while True:
                self._trouble = None
                messages = await pull.batch()
                self.backlog.taken(messages)
                await self._handle_batch(messages)
                self.backlog.applied()
        finally:
            await pull.stop()

    async def _make_consumer(self) -> None:
        if self._stream == naming.DEAD_LETTER_STREAM:
            await ensure_dead_letter_stream(self._bus.jetstream)
        config = ConsumerConfig(
            name=self._durable,
            durable_name=self._durable,
            filter_subjects=self._subjects,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            # Counted here: JetStream would drop the message silently when a crash eats its last delivery.
            max_deliver=-1,
        )
        made = await self._bus.jetstream.add_consumer(self._stream, config)
        self.backlog.begin((made.num_pending or 0) + (made.num_ack_pending or 0))

    async def _handle_batch(self, messages: Sequence[Msg]) -> None:
        by_aggregate: dict[str, list[Msg]] = {}
        for message in messages:
            aggregate = (message.headers or {}).get(naming.HEADER_STREAM_ID, "")
            by_aggregate.setdefault(aggregate, []).append(message)
        async with asyncio.TaskGroup() as group:
            for same in by_aggregate.values():
                group.create_task(self._handle_in_order(same))

    async def _handle_in_order(self, messages: Sequence[Msg]) -> None:
        for message in messages:
            outcome = await guarded(self._call(message))
            try:
                await self._settle(message, outcome)
            except NATS_AWAY as error:
                # Not settled means delivered again.
                logger.warning("event of %s not settled: %s", self._durable, type(error).__name__)

    async def _call(self, message: Msg) -> None:
        received = read_event(message)
        if received is None:
            return
        name = type(received.event).__name__
        with self._tracing.span(f"{self._durable} {name}", SpanKind.CONSUMER, received.metadata.traceparent):
            metadata = received.metadata.model_copy(update={"traceparent": traceparent()})
            async with asyncio.timeout(HANDLED_WITHIN):
                await self._handler(replace(received, metadata=metadata))

    async def _settle(self, message: Msg, outcome: Crash | None) -> None:
        if outcome is None:
            await message.ack()
            return
        deliveries = message.metadata.num_delivered or 1
        delay = backoff(deliveries, first=self._first_delay, longest=LONGEST_DELAY)
        fields = {"durable": self._durable, "subject": message.subject, "deliveries": deliveries}
        if isinstance(outcome.error, Unavailable):
            logger.info("event put off: %s", outcome.error.detail, extra=fields)
            await message.nak(delay=max(delay, outcome.error.retry_after))
        elif deliveries >= self._max_deliveries or isinstance(outcome.error, EventUnreadable):
            logger.error("event becomes a dead letter", exc_info=outcome.error, extra=fields)
            await bury(self._bus.jetstream, self._durable, message, reason=outcome.reason, deliveries=deliveries)
            self._observation.dead_letter(self._durable)
            await message.ack()
        else:
            logger.warning("event failed, tried again in %.1f s", delay, exc_info=outcome.error, extra=fields)
            await message.nak(delay=delay)
