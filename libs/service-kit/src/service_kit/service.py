"""One service: what it serves, in which order it starts and stops."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from contracts import naming
from contracts.message import Command, Metadata, Query, Reply
from contracts.registry import CONTEXT_EVENTS
from nats.aio.msg import Msg

from service_kit.asyncapi import Document
from service_kit.bus import Bus
from service_kit.changes import Changes
from service_kit.commands import Commands, SessionSubscription
from service_kit.dispatch import Dispatcher
from service_kit.health import Health, HealthServer
from service_kit.leases import Leases
from service_kit.metrics import Metrics
from service_kit.observation import Observation
from service_kit.projections import Projection
from service_kit.queries import Queries, QueryHandler
from service_kit.reactions import Reaction
from service_kit.received import Backlog, ForeignView, Received
from service_kit.relay import Relay
from service_kit.running import run, until_done, version_of, within
from service_kit.settings import ServiceSettings
from service_kit.start_clock import StartClock
from service_kit.supervisor import Supervisor
from service_kit.telemetry import Tracing
from service_kit.wire import Answer

if TYPE_CHECKING:
    from eventlog.decider import Decider
    from eventlog.log import EventLog

__all__ = ["Service", "run"]

logger = logging.getLogger(__name__)

HOOK_TIMEOUT = 4.0
RELAY_TIMEOUT = 1.0
STOP_TIMEOUT = 16.0
"""Seconds."""


class Service:
    """Everything a service has in common with the others. Declare what it serves, then `run` it.

    `bus` asks other services, `supervisor` runs background tasks, `leases` gives exclusive rights, `log` is the event log,
    `tracing` makes spans, `metrics` counts and measures.
    """

    def __init__(self, name: str, settings: ServiceSettings, *, log: EventLog | None = None) -> None:
        """No I/O. `name` is the service's name on the bus, e.g. `gateway-api`; the log brings its context."""
        self.name = name
        self.settings = settings
        self.log = log
        self._version = version_of(name)
        self.tracing = Tracing(name, version=self._version, replica=settings.replica, endpoint=settings.otlp_endpoint)
        self.bus = Bus(name, settings.nats_url, self.tracing, replica=settings.replica)
        self._observation = Observation(self.tracing)
        self.metrics: Metrics = self._observation.metrics
        self.supervisor = Supervisor(self._observation.restarted)
        self.aggregates: dict[str, Decider[Any, Any, Any]] = {}
        self.leases = Leases(self.bus, log, holder=f"{name}-{settings.replica}", lost=self._observation.lease_lost)
        dispatcher = Dispatcher(self.tracing, self._observation)
        self._commands = Commands(name, self.bus, dispatcher)
        self._changes = None if log is None else Changes(self.bus, log.context)
        self._tells_changes = False
        owner = self._changes.owner if self._changes else ""
        self._queries = Queries(name, self.bus, dispatcher, owner, settings.replica)
        self._document = Document(name, self._version)
        self._views: dict[str, Projection] = {}
        self._reactions: dict[str, Reaction] = {}
        self._tasks: dict[str, Callable[[], Awaitable[None]]] = {}
        self._start_hooks: list[Callable[[], Awaitable[None]]] = []
        self._stop_hooks: list[tuple[Callable[[], Awaitable[None]], float]] = []
        self._phase: str | None = "not started"
        self._clock = StartClock(self.metrics)
        self._plumbing = Supervisor(self._observation.restarted)
        self._relay = None if log is None else Relay(self.bus, log, log.context, self._observation)
        self._health = Health(service=name, version=self._version, replica=settings.replica, venue=settings.venue)
        self._health_server = HealthServer(self._health, settings.health_port, self.metrics)
        self._declare_own_checks()

    def command[C: Command, R: Reply](self, command: type[C], handler: Callable[[C, Metadata], Awaitable[R]]) -> None:
        """Serve a command in the service's queue group. The handler raises Rejection or Unavailable to refuse."""

        async def telling(given: C, metadata: Metadata) -> R:
            try:
                return await handler(given, metadata)
            finally:
                # Also what it wrote without an event, and also when it failed half way.
                self._changed()

        self._commands.declare(command, telling)

    async def session_command[C: Command, R: Reply](
        self, command: type[C], handler: Callable[[C, Metadata], Awaitable[R]], *, account: str, connector: str
    ) -> SessionSubscription:
        """Serve a command for one session from now until the subscription is stopped; only its lease holder may."""
        subject = naming.session_command_subject(account, connector, command)
        subscription = self._commands.session(command, handler, subject)
        await subscription.start()
        return subscription

    def session_commands(self, *commands: type[Command]) -> None:
        """Name the commands that `session_command` will serve, for the AsyncAPI document."""
        for command in commands:
            self._document.session_command(command)

    def query[Q: Query](
        self, query: type[Q], handler: QueryHandler[Q], *, every_replica: bool = False, own: QueryHandler[Q] | None = None
    ) -> None:
        """Serve a query in the service's queue group; the handler gives the final JSON, or refuses as a command does.

        It gives a Keepable when callers may keep the answer until rows of the service change; that needs `tell_changes`.
        With `every_replica` each of them gets it, and the asker takes one answer (`Bus.query_any`). `own` answers what is
        asked of this replica and no other (`sharing`).
        """
        self._queries.declare(query, handler, every_replica=every_replica, own=own)
        self._document.query(query)

    def tell_changes(self, *, pace: float = 0) -> None:
        """Tell whoever keeps answers of every command, commit and foreign event from now on, all of `pace` seconds together."""
        if self.log is None or self._changes is None:
            raise ValueError("changes are told of an event log's database")
        self._changes.pace = pace
        self._tells_changes = True
        self.log.on_commit(self._changed)

    def projection(self, projection: ForeignView) -> None:
        """Keep a foreign view up to date. Its tables are made by the log (`tables`). Needs a log."""
        if self.log is None:
            raise ValueError("a foreign view needs an event log's database")
        replica, observation = self.settings.replica, self._observation
        runner = Projection(
            self.bus, self.log, projection, service=self.name, replica=replica, observation=observation, changed=self._changed
        )
        self._document.consumes(projection.name, projection.context, projection.subjects)
        self._views[projection.name] = runner
        self._watch_consumer(f"view {projection.name}", runner.backlog, lambda: runner.trouble)

    def reaction(
        self, purpose: str, context: str, subjects: Sequence[str], handler: Callable[[Received], Awaitable[None]]
    ) -> None:
        """Handle each matching event of a context at least once; see `reactions`."""
        durable = naming.durable(self.name, purpose)
        self._document.consumes(purpose, context, subjects)
        runner = Reaction(self.bus, self.tracing, durable, context, subjects, handler, observation=self._observation)
        self._reactions[purpose] = runner
        self._watch_consumer(f"reaction {purpose}", runner.backlog, lambda: runner.trouble)

    def aggregate(self, noun: str, decider: Decider[Any, Any, Any]) -> None:
        """Name the decider of the streams of a noun, so that operators can ask for the state of any of them at any time."""
        self.aggregates[noun] = decider

    def task(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a background loop from start to stop; when it crashes it starts again with backoff."""
        self._tasks[name] = run

    def on_start(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Await `hook` when bus, log and projections are up and before anything is served. Tried again until it succeeds."""
        self._start_hooks.append(hook)

    def on_stop(self, hook: Callable[[], Awaitable[None]], *, seconds: float = HOOK_TIMEOUT) -> None:
        """Await `hook`, for at most `seconds`, when nothing is served any more and bus and log are still up."""
        self._stop_hooks.append((hook, seconds))

    def readiness(self, name: str, check: Callable[[], str | None]) -> None:
        """Add a readiness check: None is ready, a text says why not."""
        self._health.add(name, check)

    def asyncapi(self) -> dict[str, Any]:
        """The AsyncAPI 3 document of this service, without connecting."""
        return self._document.build(self._commands.broker)

    def crashed(self, task: str) -> None:
        """Count a crash of a task of a further Supervisor; give it as the supervisor's `crashed`."""
        self._observation.restarted(task)

    @property
    def health_port(self) -> int:
        """The port of the health server once it is started."""
        return self._health_server.port

    @property
    def stop_seconds(self) -> float:
        """What `stop` may take."""
        return STOP_TIMEOUT + sum(seconds for _, seconds in self._stop_hooks)

    async def start(self) -> None:
        """Start all in order: database, NATS, relay and views, hooks, then what is served.

        NATS, the database and hooks are tried until they are there. Raises OSError when the health port is taken.
        """
        self._clock.begin()
        await self._health_server.start()
        if self.log is not None:
            self._phase = "waiting for the database"
            await until_done("event log", self.log.start, self._held_up)
            self._clock.ended("database")
        self._plumbing.start("event loop", self._observation.watch_loop)
        self._phase = "waiting for NATS"
        await self.bus.start()
        await self._commands.connect()
        self._clock.ended("nats")
        if self._relay is not None:
            self._plumbing.start("relay", self._relay.run)
        for name, view in self._views.items():
            self._plumbing.start(f"view {name}", view.run)
        self._phase = "running start hooks"
        if self._changes is not None and self._tells_changes:
            self._plumbing.start("changes", self._changes.run)
        for hook in self._start_hooks:
            await until_done("start hook", hook, self._held_up)
        self._clock.ended("hooks")
        await self._serve()
        self._clock.ended("serving")
        self._phase = None
        logger.info("service started", extra={"version": self._version, "venue": self.settings.venue})
        self._plumbing.start("readiness", self._tell_ready)

    async def stop(self) -> None:
        """Stop all in the opposite order, answering what was taken; also after a start that was cancelled."""
        self._phase = "stopping"
        if self.bus.connected:
            await asyncio.gather(self._commands.stop(), self._queries.stop())
        if self._changes is not None and self._tells_changes:
            await self._plumbing.stop("changes")
            await self._changes.stop()
        for purpose in self._reactions:
            await self._plumbing.stop(f"reaction {purpose}")
            await self._plumbing.stop(f"retries {purpose}")
        await self.supervisor.stop()
        for hook, seconds in self._stop_hooks:
            await within(seconds, "stop hook", hook())
        await within(RELAY_TIMEOUT + 2, "leases", self.leases.stop())
        if self._relay is not None:
            await within(RELAY_TIMEOUT, "relay", self._relay.drain())
        await self._plumbing.stop()
        if self.log is not None:
            await within(HOOK_TIMEOUT, "event log", self.log.stop())
        await within(2, "bus", self.bus.stop())
        await within(2, "health server", self._health_server.stop())
        await asyncio.to_thread(self.tracing.stop)
        logger.info("service stopped")

    async def _tell_ready(self) -> None:
        await self._clock.until(self._is_ready)
        logger.info("service ready", extra={"start_seconds": self._clock.stages})

    def _is_ready(self) -> bool:
        return bool(self._health.body()["status"] == "ready")

    def _held_up(self, reason: str) -> None:
        self._phase = reason

    async def _serve(self) -> None:
        for purpose, reaction in self._reactions.items():
            self._plumbing.start(f"reaction {purpose}", reaction.run)
            self._plumbing.start(f"retries {purpose}", reaction.retries().run)
        for name, task in self._tasks.items():
            self.supervisor.start(name, task)
        await self._commands.start()
        await self._queries.start()

    def _changed(self) -> None:
        if self._changes is not None and self._tells_changes:
            self._changes.changed()

    def _watch_consumer(self, name: str, backlog: Backlog, trouble: Callable[[], str | None]) -> None:
        self._health.add(name, trouble)
        self._observation.watch_consumer(name, lambda: backlog.events, lambda: backlog.oldest, trouble)

    def _declare_own_checks(self) -> None:
        self.bus.on_reconnect(self._observation.nats_reconnected)
        self._observation.watch_service(self._is_ready, lambda: self.leases.held)
        self._health.add("service", lambda: self._phase)
        self._health.add("bus", lambda: None if self.bus.connected else "NATS cannot be reached")
        self._health.add("tasks", self._failing_tasks)
        if self.log is not None and (relay := self._relay) is not None:
            self._health.add("event log", self.log.trouble)
            self._health.add("relay", lambda: relay.trouble)
            self._observation.watch_log(self.log, relay)
            self._document.publishes(CONTEXT_EVENTS.get(self.log.context, ()))
        self._queries.declare_raw(naming.health_subject(self.name), self._answer_health)

    def _failing_tasks(self) -> str | None:
        failures = {**self._plumbing.failures(), **self.supervisor.failures()}
        return "; ".join(f"{name}: {reason}" for name, reason in failures.items()) or None

    async def _answer_health(self, _message: Msg) -> Answer:
        return Answer(200, json.dumps(self._health.body()).encode())
