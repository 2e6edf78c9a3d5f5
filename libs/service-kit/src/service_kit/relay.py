"""Publishes a context's events from its log to its JetStream stream, in the log's order, each once.

The stream is the checkpoint: its last message says where to go on. Each publish names the sequence it expects to follow, so
two relays of one context can neither double nor reorder: the one that is behind is refused and reads the last message again.
A stream that was wiped is made anew and filled from the log's beginning.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from contracts import naming
from contracts.rejections import Unavailable
from eventlog.recorded import FeedPosition
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, PubAck, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from service_kit.bus import NATS_AWAY, Bus
from service_kit.observation import Observation
from service_kit.received import event_headers, feed_place
from service_kit.supervisor import backoff
from service_kit.telemetry import Tracing

if TYPE_CHECKING:
    from eventlog.log import EventLog
    from eventlog.recorded import Recorded

logger = logging.getLogger(__name__)

BATCH = 500
ACKNOWLEDGED_WITHIN = 3.0
"""Seconds. Publishes in flight when the server dies are given up after that, and are safe to repeat."""
HIDDEN_POLL, FIRST_POLL, LONGEST_POLL = 0.002, 0.01, 1.0
"""Seconds until the next look at the feed: when a commit is still hidden, after something was published, and when idle."""
SPACING = 0.008
"""Seconds between two batches: the first commit after a pause goes at once, under load several go together."""
STREAM_CHECK = 15.0
"""Seconds between two looks at an idle stream: was it wiped?"""


class StreamForeign(Exception):
    """The stream holds events that are not in this log: another database's. Nothing is published until someone decides."""


class _Overtaken(Exception):
    """The stream does not end where this relay left it."""


class Relay:
    """The relay of one context; run it under a supervisor."""

    def __init__(self, bus: Bus, log: EventLog, context: str, observation: Observation | None = None) -> None:
        """No I/O."""
        self._observation = observation or Observation(Tracing(context))
        self._bus = bus
        self._log = log
        self._context = context
        self._stream = naming.event_stream(context)
        self._after = FeedPosition()
        self._last_sequence = 0
        self._with_ids = True
        self._resumed = False
        self._woken = asyncio.Event()
        self._poll, self._waited = FIRST_POLL, 0.0
        self._trouble: str | None = "not started"
        self._incomplete: str | None = None
        log.on_commit(self._woken.set)
        bus.on_reconnect(self._look_again)

    @property
    def trouble(self) -> str | None:
        """Why events are not being published, or are missing on the stream; None when all is well."""
        return self._trouble or self._incomplete

    @property
    def after(self) -> FeedPosition:
        """The place of the last event that is on the stream, as far as this relay knows."""
        return self._after

    async def run(self) -> None:
        """Publish for ever, through losses of NATS and of the database. Raises StreamForeign."""
        attempt = 0
        while True:
            try:
                if not self._resumed:
                    await self._resume()
                published = await self._publish_next()
                attempt, self._trouble = 0, None
                if published < BATCH:
                    if published:
                        await asyncio.sleep(SPACING)
                    await self._idle()
            except (_Overtaken, Unavailable, *NATS_AWAY) as error:
                attempt += 1
                self._resumed = False
                self._trouble = f"{self._stream}: {type(error).__name__} {error}".rstrip()
                logger.warning("relay starts over: %s", self._trouble)
                await asyncio.sleep(backoff(attempt, first=0.05, longest=3))

    async def drain(self) -> None:
        """Wait until all that is in the feed now is on the stream; the caller sets the time limit."""
        while self._resumed and await self._log.feed(self._after, 1):
            self._woken.set()
            await asyncio.sleep(FIRST_POLL)

    def _look_again(self) -> None:
        self._resumed = False
        self._woken.set()

    async def _idle(self) -> None:
        """Return at a commit, or when it is time to look again.

        A commit's events may still be hidden behind another transaction of the cluster: then the next looks are close.
        """
        try:
            async with asyncio.timeout(self._poll):
                await self._woken.wait()
            self._poll = HIDDEN_POLL
        except TimeoutError:
            self._waited += self._poll
            self._poll = min(self._poll * 4, LONGEST_POLL)
        if self._waited >= STREAM_CHECK:
            self._waited = 0.0
            info = await self._jetstream.stream_info(self._stream)
            if info.state.last_seq != self._last_sequence or info.state.messages == 0:
                self._resumed = False

    @property
    def _jetstream(self) -> JetStreamContext:
        return self._bus.jetstream

    async def _resume(self) -> None:
        info = await ensure_event_stream(self._jetstream, self._context)
        self._after, self._last_sequence = FeedPosition(), info.state.last_seq
        if info.state.messages == 0:
            # Purged: the stream still remembers the ids and would refuse them as duplicates. The guard suffices.
            self._with_ids = info.state.last_seq == 0
        else:
            self._with_ids = True
            last = await self._jetstream.get_msg(self._stream, seq=info.state.last_seq)
            tx, position = feed_place(last.headers or {})
            await self._check_ours(tx, position, (last.headers or {}).get(naming.HEADER_MESSAGE_ID, ""))
            self._after = FeedPosition(tx, position)
            await self._check_complete(info.state.first_seq)
        self._resumed = True
        logger.info(
            "relay goes on", extra={"stream": self._stream, "sequence": self._last_sequence, "position": self._after.position}
        )

    async def _check_ours(self, tx: int, position: int, message_id: str) -> None:
        found = await self._log.feed(FeedPosition(tx, position - 1), 1)
        if not found or str(found[0].metadata.message_id) != message_id:
            msg = f"{self._stream} ends with an event that is not in this log (position {position}, message {message_id})"
            self._trouble = msg
            raise StreamForeign(msg)

    async def _check_complete(self, first_sequence: int) -> None:
        first = await self._jetstream.get_msg(self._stream, seq=first_sequence)
        recorded = await self._log.feed(FeedPosition(), 1)
        if recorded and FeedPosition.of(recorded[0]) != FeedPosition(*feed_place(first.headers or {})):
            # Appending is all a relay can do: who removed a part of the stream has to remove the rest.
            self._incomplete = f"{self._stream} lacks its oldest events: delete it, it will be filled from the log"
            logger.error(self._incomplete)
        else:
            self._incomplete = None

    async def _publish_next(self) -> int:
        """Publish one batch; the number of its events."""
        # Before the feed is read: who commits after this wakes the relay again.
        self._woken.clear()
        batch = await self._log.feed(self._after, BATCH)
        if not batch:
            return 0
        # Side by side, and each checked by the server against the one before. Not `publish_async`: with nats-py 2.16 it
        # never ends when the server refuses.
        began = time.perf_counter()
        jetstream = self._jetstream
        publishes = (self._publish(jetstream, recorded, self._last_sequence + index) for index, recorded in enumerate(batch))
        outcomes = await asyncio.gather(*publishes, return_exceptions=True)
        for recorded, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            self._advance(recorded, outcome)
            self._observation.published(recorded, time.perf_counter() - began)
        self._poll, self._waited = FIRST_POLL, 0.0
        return len(batch)

    async def _publish(self, jetstream: JetStreamContext, recorded: Recorded, last_sequence: int) -> PubAck:
        headers = event_headers(recorded)
        headers[naming.HEADER_EXPECTED_LAST_SEQUENCE] = str(last_sequence)
        if not self._with_ids:
            del headers[naming.HEADER_DEDUPLICATION]
        subject = naming.event_subject(recorded.stream, type(recorded.event).__name__)
        payload = recorded.event.model_dump_json().encode()
        return await jetstream.publish(subject, payload, timeout=ACKNOWLEDGED_WITHIN, headers=headers)

    def _advance(self, recorded: Recorded, acknowledgement: PubAck) -> None:
        if acknowledgement.seq != self._last_sequence + 1:
            msg = f"sequence {acknowledgement.seq} after {self._last_sequence}"
            raise _Overtaken(msg)
        self._last_sequence = acknowledgement.seq
        self._after = FeedPosition(recorded.tx, recorded.position)


async def ensure_event_stream(jetstream: JetStreamContext, context: str) -> StreamInfo:
    """The context's stream, made when it is missing: on file, without limits of age or size. Raises NATS_AWAY."""
    name = naming.event_stream(context)
    try:
        return await jetstream.stream_info(name)
    except NotFoundError:
        logger.info("stream %s is made", name)
    config = StreamConfig(
        name=name,
        subjects=[naming.event_stream_subjects(context)],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=120,
    )
    return await jetstream.add_stream(config)
