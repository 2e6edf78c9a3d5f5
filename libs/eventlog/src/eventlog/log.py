"""The event log of one service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from contracts.message import Event, Metadata, utc_now
from contracts.rejections import Unavailable
from sqlalchemy import ClauseElement, MetaData

from eventlog import mapping, rows
from eventlog.append import Append
from eventlog.audit import Audit, audit
from eventlog.batch import BatchWriter
from eventlog.chain import GENESIS
from eventlog.database import DRIVER_ERRORS, Connection, Database, Pool, is_gone, new_id, unavailable_when_gone
from eventlog.errors import Fenced, VersionConflict
from eventlog.history import of_service
from eventlog.mapping import Snapshot
from eventlog.observer import Observer
from eventlog.reader import StreamReader
from eventlog.recorded import FeedPosition, Fence, Recorded, Verified
from eventlog.recorder import Recorder
from eventlog.replay import Replayed, replay_view
from eventlog.schema import Schema
from eventlog.statements import View, Write, literal
from eventlog.states import States

__all__ = ["EventLog", "FeedPosition", "Fence", "Fenced", "VersionConflict"]

log = logging.getLogger(__name__)

START_SECONDS = 30.0


class EventLog:
    """Streams of events in the service's schema of Postgres, with the service's own views beside them.

    Every append is one atomic step: the events, the rows of `views`, and the caller's `writes`. `tables` are further
    tables of the service; the revisions in the directory `migrations` make and change all of them.
    Methods raise `contracts.rejections.Unavailable` when the database is away; the log reconnects by itself. One event loop;
    `start` before use.
    """

    def __init__(
        self,
        database_url: str,
        *,
        context: str,
        views: Sequence[View] = (),
        tables: Sequence[MetaData] = (),
        migrations: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
        pool_size: int = 5,
    ) -> None:
        self.context = context
        self.states = States()
        self._prefix = f"{context}."
        self.views = tuple(views)
        self._clock = clock
        self._database = Database(database_url, context)
        own = None if migrations is None else of_service(context, migrations)
        self.schema = Schema(self._database, views, tables, own)
        self._pool_size = pool_size
        self._pool: Pool | None = None
        self._recorder = Recorder(self._database.connect, BatchWriter(self.views, clock), self._committed)
        self._reader = StreamReader(self._rows)
        self._callbacks: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Bring the schema up to date, open the pool, start the writer.

        Raises Unavailable after 30 s without database, SchemaNewer for one that a newer version made.
        """
        connection = await self._first_connection()
        try:
            with unavailable_when_gone():
                await self.schema.prepare(connection)
        finally:
            connection.terminate()
        self._pool = await self._database.pool(self._pool_size)
        self._recorder.start()

    async def attach(self) -> None:
        """Open the pool only: for reading beside the service that owns the log; `append` is refused. End it with `stop`."""
        self._pool = await self._database.pool(self._pool_size)

    async def stop(self) -> None:
        """Commit what is queued, then close all connections. Appends from now on raise Unavailable."""
        await self._recorder.stop()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), timeout=5)
            except TimeoutError:
                pool.terminate()

    @property
    def pool(self) -> Pool:
        """Connections for reading; their search path is the service's schema."""
        if self._pool is None:
            msg = "The event log is not running"
            raise Unavailable(msg)
        return self._pool

    def trouble(self) -> str | None:
        """Why the log cannot store events now, for a readiness check; None when it can."""
        if self._pool is None:
            return "event log is not running"
        return None if self._recorder.connected else "event log has no connection to its database"

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` soon after each commit that stored events; it must not block."""
        self._callbacks.append(callback)

    def observe(self, observer: Observer) -> None:
        """Tell `observer` from now on what the writer does; there is one at a time."""
        self._recorder.observer = observer

    async def append(
        self,
        stream: str,
        expected_version: int,
        events: Sequence[Event],
        metadata: Metadata,
        *,
        writes: Sequence[Write] = (),
        fence: Fence | None = None,
    ) -> list[Recorded]:
        """Store `events` after version `expected_version` (0: a new stream), atomically with own views and `writes`.

        `metadata` is the command's: its `message_id` becomes the events' `causation_id`. Raises VersionConflict, Fenced,
        GuardFailed (nothing stored); Unavailable (the outcome may be unknown: the same command again is safe); what the
        database says about a write that fails (nothing stored); ValueError for a stream of another context.
        """
        if not stream.startswith(self._prefix):
            msg = f"stream {stream!r} is not of context {self.context}"
            raise ValueError(msg)
        loop = asyncio.get_running_loop()
        append = Append(
            stream=stream,
            expected=expected_version,
            events=events,
            stored=[mapping.store(event, stream, expected_version + n) for n, event in enumerate(events, 1)],
            metadata=[metadata.caused(new_id()) for _ in events],
            writes=writes,
            fence=fence,
            queued_at=time.monotonic(),
            done=loop.create_future(),
        )
        self._recorder.submit(append)
        return await append.done

    async def read(self, stream: str, after: int = 0) -> list[Recorded]:
        """The events of a stream with a version above `after`, in order; none for an unknown stream."""
        return [rows.recorded_of(row) for row in await self._reader.read(stream, after)]

    async def caused_by(self, stream: str, command_id: UUID) -> list[Recorded]:
        """The events that a command led to in a stream; none when it was not accepted there."""
        return [rows.recorded_of(row) for row in await self._rows(rows.OF_CAUSE, stream, command_id)]

    async def feed(self, after: FeedPosition, limit: int) -> list[Recorded]:
        """Up to `limit` events of all streams behind `after`, in commit order; none ever appears before one given out.

        An open writing transaction anywhere in the Postgres cluster holds back what was committed after it began.
        """
        return [rows.recorded_of(row) for row in await self._rows(rows.FEED, after.tx, after.position, limit)]

    async def fetch(self, query: str | Write | ClauseElement, *args: object) -> list[asyncpg.Record]:
        """The rows of a read query: SQL with `$1` and `args`, a bound `Statement`, or a SQLAlchemy clause with its values.

        Values come as asyncpg gives them: numeric is Decimal, timestamptz aware, jsonb text.
        """
        if isinstance(query, str):
            return await self._rows(query, *args)
        write = query if isinstance(query, Write) else literal(query)
        return await self._rows(write.sql, *write.args)

    async def raise_fence(self, name: str) -> Fence:
        """A new fence of `name`. From now on appends with an older one are refused; those in flight are waited for."""
        sql = (
            f"INSERT INTO {rows.FENCES} AS fence VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET token = fence.token + 1"  # noqa: S608
            " RETURNING token"
        )
        found = await self._rows(sql, name)
        return Fence(name, found[0]["token"])

    async def verify(self, stream: str) -> Verified:
        """Check a stream's hash chain: finds changed, inserted and removed events, but not events cut off at the end."""
        found = await self._rows(rows.CHAIN, stream)
        previous = GENESIS
        for expected, row in enumerate(found, 1):
            previous = rows.hash_of(row, previous)
            if row["originator_version"] != expected or row["hash"] != previous:
                return Verified(stream, len(found), expected)
        return Verified(stream, len(found), None)

    async def verify_all(self) -> Audit:
        """Check the hash chains of all streams in one pass, while others append. Needs no `start`."""
        with unavailable_when_gone():
            connection = await self._database.connect(statement_seconds=None)
            try:
                return await audit(connection)
            finally:
                connection.terminate()

    async def replay(self, view: View) -> Replayed:
        """Make a view's rows again from all events, atomically, and tell whether they differ. Needs no `start`.

        Appends wait meanwhile, readers see the old rows until it is done.
        """
        with unavailable_when_gone():
            connection = await self._database.connect(statement_seconds=None)
            try:
                async with connection.transaction():
                    return await replay_view(connection, view)
            finally:
                connection.terminate()

    async def load_snapshot(self, stream: str, topic: str) -> Snapshot | None:
        """The snapshot of a stream, when there is one of this topic."""
        sql = f"SELECT originator_version, state FROM {rows.SNAPSHOTS} WHERE originator_id = $1"  # noqa: S608
        for row in await self._rows(sql, stream):
            snapshot = mapping.load_snapshot(stream, row["originator_version"], row["state"])
            return snapshot if snapshot.topic == topic else None
        return None

    async def save_snapshot(self, stream: str, version: int, topic: str, state: Any) -> None:
        """Keep the JSON-ready state of a stream at `version`, unless there is a newer one of the same topic."""
        snapshot = Snapshot(stream, version, self._clock().isoformat(), topic, state)
        sql = (
            f"INSERT INTO {rows.SNAPSHOTS} AS old VALUES ($1, $2, $3, $4) ON CONFLICT (originator_id) DO UPDATE"  # noqa: S608
            " SET originator_version = excluded.originator_version, topic = excluded.topic, state = excluded.state"
            " WHERE old.originator_version <= excluded.originator_version"
        )
        await self._rows(sql, stream, version, *mapping.store_snapshot(snapshot))

    async def _rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        with unavailable_when_gone():
            return await self.pool.fetch(sql, *args)

    async def _first_connection(self) -> Connection:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            try:
                return await self._database.connect(statement_seconds=None)
            except DRIVER_ERRORS as error:
                if not is_gone(error):
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    msg = "The database is not available"
                    raise Unavailable(msg) from error
                log.info("event log waits for its database: %s", error)
                await asyncio.sleep(0.2)

    def _committed(self) -> None:
        # By way of the loop: a callback that fails is reported there and does not end the writer.
        for callback in self._callbacks:
            asyncio.get_running_loop().call_soon(callback)
