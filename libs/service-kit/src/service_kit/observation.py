"""What the parts of a service tell about their work: numbers for metrics, spans for the trace it was done for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from contracts.message import Command, Message, utc_now
from opentelemetry.trace import SpanKind

from service_kit.instruments import Instruments
from service_kit.metrics import Metrics
from service_kit.telemetry import Tracing

if TYPE_CHECKING:
    from eventlog.log import EventLog
    from eventlog.recorded import FeedPosition, Recorded

    from service_kit.received import Received

LOOP_LOOK = 1.0
"""Seconds between two looks at the event loop."""
OK = "ok"


class Relayed(Protocol):
    """A relay, as far as its lag is concerned."""

    @property
    def after(self) -> FeedPosition:
        """The place of the last event on the stream."""
        ...


class Observation:
    """One a service. It is the event log's observer, and told by all that works beside it."""

    def __init__(self, tracing: Tracing, metrics: Metrics | None = None) -> None:
        """No I/O."""
        self.tracing = tracing
        self.metrics = metrics or Metrics()
        self._instruments = Instruments(self.metrics)

    def handled(self, message: type[Message], outcome: str, seconds: float, *, refused: bool = False) -> None:
        """A command or query was answered. `outcome` is `ok` or the code of the refusal or failure."""
        kind, name = "command" if issubclass(message, Command) else "query", message.__name__
        self._instruments.handled.labels(kind, name, outcome).inc()
        self._instruments.handling.labels(kind, name).observe(seconds)
        if refused:
            self._instruments.rejections.labels(outcome).inc()

    def appended(self, stream: str, events: int, traceparent: str | None, seconds: float) -> None:
        """The log stored an append."""
        self._instruments.append.observe(seconds)
        self._instruments.appended_events.inc(events)
        if traceparent is not None:
            self.tracing.done(
                "append", SpanKind.CLIENT, traceparent, seconds, {"db.system.name": "postgresql", "stream": stream}
            )

    def committed(self, appends: int) -> None:
        """The log committed a transaction."""
        self._instruments.batch.observe(appends)

    def conflicted(self) -> None:
        """The log refused an append that was too late."""
        self._instruments.conflicts.inc()

    def reconnected(self) -> None:
        """The log's writer has a new connection."""
        self._instruments.postgres_reconnects.inc()

    def nats_reconnected(self) -> None:
        """The bus has a new connection."""
        self._instruments.nats_reconnects.inc()

    def published(self, recorded: Recorded, seconds: float) -> None:
        """The relay put an event on the stream; the publish took `seconds`."""
        self._instruments.relay_delay.observe(_age(recorded.recorded_at))
        if recorded.metadata.traceparent is not None:
            name = f"publish {type(recorded.event).__name__}"
            self.tracing.done(name, SpanKind.PRODUCER, recorded.metadata.traceparent, seconds)

    def projected(self, view: str, received: Received, seconds: float) -> None:
        """A foreign view applied an event in `seconds`."""
        if received.metadata.traceparent is not None:
            name = f"{view} {type(received.event).__name__}"
            self.tracing.done(name, SpanKind.CONSUMER, received.metadata.traceparent, seconds)

    def dead_letter(self, consumer: str) -> None:
        """A reaction gave an event up."""
        self._instruments.dead_letters.labels(consumer).inc()

    def lease_lost(self, noun: str) -> None:
        """A lease was lost while it was held."""
        self._instruments.leases_lost.labels(noun).inc()

    def restarted(self, task: str) -> None:
        """A background task crashed and is started again. Only the name's first word counts: the others may be ids."""
        self._instruments.restarts.labels(task.partition(" ")[0]).inc()

    def watch_log(self, log: EventLog, relay: Relayed) -> None:
        """Observe a log, and measure at each scrape how far feed and relay are behind it."""
        # Imported here: a service without a log needs no database driver.
        from eventlog.lag import lag_behind

        log.observe(self)
        mine = self._instruments

        async def read() -> None:
            lag = await lag_behind(log, relay.after)
            mine.relay_lag_events.set(lag.events)
            mine.relay_lag.set(lag.seconds)
            mine.feed_lag_events.set(lag.hidden_events)
            mine.feed_lag.set(lag.hidden_seconds)

        self.metrics.on_scrape(read, mine.relay_lag_events, mine.relay_lag, mine.feed_lag_events, mine.feed_lag)

    def watch_consumer(
        self, name: str, pending: Callable[[], int], oldest: Callable[[], datetime | None], trouble: Callable[[], str | None]
    ) -> None:
        """Show at each scrape how far a view or reaction is behind its stream."""
        mine = self._instruments
        mine.consumer_lag_events.labels(name).set_function(pending)
        mine.consumer_lag.labels(name).set_function(lambda: _age(oldest()))
        mine.consumer_following.labels(name).set_function(lambda: float(trouble() is None))

    def watch_service(self, ready: Callable[[], bool], leases: Callable[[], int]) -> None:
        """Show at each scrape whether the service is ready and how many leases it holds."""
        self._instruments.ready.set_function(lambda: float(ready()))
        self._instruments.leases_held.set_function(leases)

    async def watch_loop(self) -> None:
        """Measure for ever how late the event loop is."""
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(LOOP_LOOK)
            self._instruments.loop_lag.observe(max(0.0, time.perf_counter() - asked - LOOP_LOOK))


def _age(since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (utc_now() - since).total_seconds())
