"""Foreign views: rows made from another context's stream, in one transaction with the place they were read up to.

The place in Postgres is the only checkpoint. The JetStream consumer is disposable and unacknowledged: it starts behind the
stored place, its deliveries are checked to be without a gap, and after any trouble a new one is made. So no redelivery, wiped
stream or second replica can apply an event twice or out of order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import naming
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from service_kit.bus import NATS_AWAY, Bus
from service_kit.observation import Observation
from service_kit.pull import Pull, PullLost
from service_kit.received import Backlog, ForeignView, feed_place, read_event
from service_kit.supervisor import backoff
from service_kit.telemetry import Tracing

if TYPE_CHECKING:
    import asyncpg
    from eventlog.log import EventLog

logger = logging.getLogger(__name__)

BATCH = 200
INACTIVE = 300.0
"""Seconds after which JetStream forgets the consumer of a replica that is gone."""

_INSERT = "insert into foreign_positions values ($1, 0, 0, '', 0) on conflict (view) do nothing"
_READ = "select tx, position, incarnation, sequence from foreign_positions where view = $1"
_WRITE = "update foreign_positions set tx = $2, position = $3, incarnation = $4, sequence = $5 where view = $1"


@dataclass(frozen=True, slots=True)
class _Place:
    """Up to where a view was made: in the other context's log, and on one incarnation of its stream."""

    tx: int
    position: int
    incarnation: str
    sequence: int


def _place(rows: Sequence[asyncpg.Record]) -> _Place:
    [row] = rows
    return _Place(row["tx"], row["position"], row["incarnation"], row["sequence"])


class Projection:
    """Keeps one foreign view up to date; run it under a supervisor."""

    def __init__(
        self,
        bus: Bus,
        log: EventLog,
        view: ForeignView,
        *,
        service: str,
        replica: str,
        observation: Observation | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        """No I/O. `changed` is called after each commit."""
        self._changed = changed
        self._observation = observation or Observation(Tracing(service))
        self.backlog = Backlog()
        self._bus = bus
        self._log = log
        self._view = view
        self._stream = naming.event_stream(view.context)
        self._consumer = f"{naming.durable(service, view.name)}-{replica}"
        self._incarnation = ""
        self._delivered = 0
        self._trouble: str | None = "not started"

    @property
    def trouble(self) -> str | None:
        """Why the view is not being kept up to date, or None."""
        return self._trouble

    async def run(self) -> None:
        """Follow the stream for ever. Raises what `project` or the database raises: nothing is skipped."""
        await self._prepare()
        attempt = 0
        while True:
            try:
                await self._follow()
            except (PullLost, *NATS_AWAY) as error:
                attempt = 1 if self._trouble is None else attempt + 1
                self._trouble = f"{self._stream}: {type(error).__name__} {error}".rstrip()
                logger.info("view %s starts over: %s", self._view.name, self._trouble)
            await asyncio.sleep(backoff(attempt, first=0.1, longest=3))

    async def _prepare(self) -> None:
        await self._log.pool.execute(_INSERT, self._view.name)

    async def _follow(self) -> None:
        await self._make_consumer()
        pull = Pull(self._bus, self._stream, self._consumer, limit=BATCH)
        try:
            await pull.start()
            while True:
                self._trouble = None
                messages = await pull.batch()
                self.backlog.taken(messages)
                await self._apply(messages)
                self.backlog.applied()
        finally:
            await pull.stop()

    async def _make_consumer(self) -> None:
        jetstream = self._bus.jetstream
        info = await jetstream.stream_info(self._stream)
        place = _place(await self._log.pool.fetch(_READ, self._view.name))
        self._incarnation = "" if info.created is None else info.created.isoformat()
        known = place.incarnation == self._incarnation and place.sequence <= info.state.last_seq
        try:
            await jetstream.delete_consumer(self._stream, self._consumer)
        except NotFoundError:
            logger.debug("no consumer %s yet", self._consumer)
        config = ConsumerConfig(
            name=self._consumer,
            filter_subjects=list(self._view.subjects),
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=place.sequence + 1 if known else 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=INACTIVE,
        )
        made = await jetstream.add_consumer(self._stream, config)
        self.backlog.begin(made.num_pending or 0)
        self._delivered = 0

    async def _apply(self, messages: Sequence[Msg]) -> None:
        self._check_gapless(messages)
        async with self._log.pool.acquire() as connection, connection.transaction():
            # Locked: another replica may be applying the same messages.
            place = _place(await connection.fetch(_READ + " for update", self._view.name))
            for message in messages:
                place = await self._apply_one(connection, place, message)
            await connection.execute(_WRITE, self._view.name, place.tx, place.position, place.incarnation, place.sequence)
        if self._changed is not None:
            self._changed()

    async def _apply_one(self, connection: asyncpg.pool.PoolConnectionProxy, place: _Place, message: Msg) -> _Place:
        tx, position = feed_place(message.headers or {})
        sequence = message.metadata.sequence.stream
        if (tx, position) <= (place.tx, place.position):
            if (place.incarnation, place.sequence) >= (self._incarnation, sequence):
                return place
            return _Place(place.tx, place.position, self._incarnation, sequence)
        received = read_event(message)
        if received is not None:
            began = time.perf_counter()
            for write in self._view.project(received):
                await connection.execute(write.sql, *write.args)
            self._observation.projected(self._view.name, received, time.perf_counter() - began)
        return _Place(tx, position, self._incarnation, sequence)

    def _check_gapless(self, messages: Sequence[Msg]) -> None:
        for message in messages:
            self._delivered += 1
            if message.metadata.sequence.consumer != self._delivered:
                msg = f"delivery {message.metadata.sequence.consumer} instead of {self._delivered}"
                raise PullLost(msg)
