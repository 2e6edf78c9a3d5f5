"""One batch of appends in one transaction: who may append, the events, their views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import asyncpg

from eventlog import rows, single
from eventlog.append import Append, Outcome
from eventlog.chain import GENESIS, Content
from eventlog.database import Connection
from eventlog.errors import Fenced, GuardFailed, VersionConflict
from eventlog.heads import Head, Heads
from eventlog.recorded import Fence, Recorded
from eventlog.statements import Guard, View, Write


@dataclass(slots=True)
class _Admitted:
    appends: list[Append] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)


class BatchWriter:
    """Stores batches through a connection and projects the service's own views with them."""

    def __init__(self, views: Sequence[View], clock: Callable[[], datetime]) -> None:
        self._views = views
        self._clock = clock
        self._heads = Heads()

    def reconnected(self) -> None:
        """Take note that the next batch comes through a new connection."""
        self._heads.forget()

    async def store(self, connection: Connection, batch: Sequence[Append]) -> dict[Append, Outcome]:
        """Store all appends of a batch that may be stored, atomically; the outcome of each.

        Raises what the database or a view raises; then nothing of the batch is stored, unless the connection broke
        during the commit. UniqueViolationError of `rows.PLACE`: another process was faster, try again.
        """
        # Sorted: two processes whose batches touch the same streams lock them in the same order.
        batch = sorted(batch, key=attrgetter("stream"))
        stored = False
        try:
            outcomes = await self._store(connection, batch)
            stored = True
        finally:
            if not stored:
                self._heads.doubt()
        return outcomes

    async def _store(self, connection: Connection, batch: Sequence[Append]) -> dict[Append, Outcome]:
        # Before the transaction gets its id: events that are seen here belong to lower ids, so the feed keeps stream order.
        known = await self._heads.of(connection, batch)
        heads, outcomes = dict(known), dict[Append, Outcome]()
        admitted = self._admit(batch, heads, frozenset(), outcomes)
        recorded = await self._store_at_once(connection, admitted)
        if recorded is None:
            heads, outcomes = dict(known), {}
            async with connection.transaction():
                fenced = await _fenced(connection, batch)
                admitted = self._admit(batch, heads, fenced, outcomes)
                recorded = await _insert(connection, admitted)
                await self._project(connection, admitted, recorded)
        self._heads.keep((append.stream for append in admitted.appends if append.events), heads)
        events = iter(recorded)
        for append in admitted.appends:
            outcomes[append] = [next(events) for _ in append.events]
        return outcomes

    async def _store_at_once(self, connection: Connection, admitted: _Admitted) -> list[Recorded] | None:
        """The events, stored by one statement with their views; None, and nothing stored, where that cannot be."""
        if not 0 < len(admitted.contents) <= single.MOST:
            return None
        unplaced = _recorded(admitted, [(0, 0)] * len(admitted.contents))
        writes = [write for view in self._views for one in unplaced for write in view.project(one)]
        writes += [write for append in admitted.appends for write in append.writes]
        if not single.fits(len(unplaced), writes):
            return None
        fences = frozenset(append.fence for append in admitted.appends if append.fence is not None)
        sql, arguments = single.statement(fences, _columns(admitted), writes)
        try:
            return _recorded(admitted, await connection.fetch(sql, *arguments))
        except asyncpg.DivisionByZeroError:
            # A fence is out of date; of which append is found out the other way.
            return None

    def _admit(
        self,
        batch: Sequence[Append],
        heads: dict[str, Head],
        fenced: frozenset[Fence],
        outcomes: dict[Append, Outcome],
    ) -> _Admitted:
        """Chain the events of every append that may be stored; refuse the others in `outcomes`."""
        admitted, now = _Admitted(), self._clock()
        for append in batch:
            version, previous = heads.get(append.stream, (0, GENESIS))
            if append.fence in fenced:
                outcomes[append] = Fenced(append.fence.name, append.fence.token)
                continue
            if version != append.expected:
                outcomes[append] = VersionConflict(append.stream, append.expected, version)
                continue
            for (topic, state), metadata in zip(append.stored, append.metadata, strict=True):
                version += 1
                content = Content(append.stream, version, topic, state, metadata, now)
                previous = content.hash_after(previous)
                admitted.contents.append(content)
                admitted.hashes.append(previous)
            admitted.appends.append(append)
            heads[append.stream] = version, previous
        return admitted

    async def _project(self, connection: Connection, admitted: _Admitted, recorded: Sequence[Recorded]) -> None:
        for view in self._views:
            await run_writes(connection, (write for one in recorded for write in view.project(one)))
        await run_writes(connection, (write for append in admitted.appends for write in append.writes))


async def run_writes(connection: Connection, writes: Iterable[Write]) -> None:
    """Execute writes in their order; neighbours of the same SQL go in one round trip. Raises GuardFailed."""
    for sql, neighbours in groupby(writes, key=attrgetter("sql")):
        same = list(neighbours)
        args = [write.args for write in same]
        if isinstance(same[0], Guard):
            for each in args:
                if await connection.fetchrow(sql, *each) is None:
                    raise GuardFailed(sql)
        elif len(args) == 1:
            await connection.execute(sql, *args[0])
        else:
            await connection.executemany(sql, args)


async def _fenced(connection: Connection, batch: Sequence[Append]) -> frozenset[Fence]:
    """The fences of the batch that are out of date; the current ones are locked until the commit."""
    fences = {append.fence for append in batch if append.fence is not None}
    if not fences:
        return frozenset()
    names = sorted({fence.name for fence in fences})
    sql = f"SELECT name, token FROM {rows.FENCES} WHERE name = ANY($1::text[]) ORDER BY name FOR SHARE"  # noqa: S608
    current = {name: token for name, token in await connection.fetch(sql, names)}  # noqa: C416 - a record is no pair to mypy
    return frozenset(fence for fence in fences if current.get(fence.name) != fence.token)


async def _insert(connection: Connection, admitted: _Admitted) -> list[Recorded]:
    if not admitted.contents:
        return []
    return _recorded(admitted, await connection.fetch(rows.INSERT, *_columns(admitted)))


def _columns(admitted: _Admitted) -> tuple[object, ...]:
    """The arguments of `rows.INSERT`."""
    contents = admitted.contents
    return (
        [one.stream for one in contents],
        [one.version for one in contents],
        [one.topic for one in contents],
        [one.state for one in contents],
        [one.metadata.message_id for one in contents],
        [one.metadata.causation_id for one in contents],
        [one.metadata.correlation_id for one in contents],
        [one.metadata.actor for one in contents],
        [one.metadata.traceparent for one in contents],
        admitted.hashes,
        contents[0].recorded_at,
    )


def _recorded(admitted: _Admitted, places: Iterable[Any]) -> list[Recorded]:
    """The events with their places: pairs of position and transaction."""
    events = (event for append in admitted.appends for event in append.events)
    return [
        Recorded(event, one.stream, one.version, position, tx, one.metadata, one.recorded_at)
        for event, one, (position, tx) in zip(events, admitted.contents, places, strict=True)
    ]
