"""One batch of appends in one transaction: who may append, the events, their views."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter

import asyncpg

from eventlog import rows
from eventlog.append import Append, Outcome
from eventlog.chained import Chained, Head, chained, projected
from eventlog.combined import combined
from eventlog.database import Connection
from eventlog.errors import Fenced, GuardFailed, VersionConflict
from eventlog.heads import BEGINNING, Heads
from eventlog.recorded import Fence, Recorded
from eventlog.statements import Guard, View, Write, json_text


@dataclass(slots=True)
class _Admitted:
    """The appends of a batch that may be stored, each with its events; the outcome of the others; the streams' new heads."""

    heads: dict[str, Head]
    appends: list[tuple[Append, Chained]] = field(default_factory=list)
    outcomes: dict[Append, Outcome] = field(default_factory=dict)

    @property
    def recorded(self) -> list[Recorded]:
        return [one for _, events in self.appends for one in events.recorded]

    def args(self) -> tuple[object, ...]:
        """The arguments of `rows.insert`."""
        contents = b",".join(content for _, events in self.appends for content in events.contents)
        states = [state for append, _ in self.appends for _, state in append.stored]
        return f"[{contents.decode()}]", states, [hash_ for _, events in self.appends for hash_ in events.hashes]

    def place(self, places: Sequence[asyncpg.Record]) -> None:
        for one, (position, tx) in zip(self.recorded, places, strict=True):
            one.placed(position, tx)

    def writes(self, views: int) -> list[list[Write]] | None:
        """The writes of each view; None when one of them reads the events' place."""
        found: list[list[Write]] = [[] for _ in range(views)]
        for _, events in self.appends:
            if events.writes is None:
                return None
            for of_view, writes in zip(found, events.writes, strict=True):
                of_view += writes
        return found


class BatchWriter:
    """Stores batches through a connection and projects the service's own views with them."""

    def __init__(self, views: Sequence[View], clock: Callable[[], datetime]) -> None:
        self._views = views
        self._clock = clock
        self._heads = Heads()
        self._read_at = time.monotonic_ns() // 1_000_000
        self._time = clock()

    def reconnected(self) -> None:
        """Take note that the next batch comes through a new connection."""
        self._heads.forget()

    def prepare(self, append: Append) -> None:
        """Work out ahead what can be of an append that waits. Raises what a view raises."""
        before = self._heads.expected(append)
        if before is not None:
            append.chained = chained(append, before, self._now(), self._views)

    def _now(self) -> datetime:
        """The time; that of the same millisecond is one object, whose text is made once."""
        millisecond = time.monotonic_ns() // 1_000_000
        if self._read_at != millisecond:
            self._read_at, self._time = millisecond, self._clock()
        return self._time

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
        heads = await self._heads.of(connection, batch)
        admitted = self._admit(batch, heads, frozenset())
        if not await self._store_at_once(connection, batch, admitted):
            async with connection.transaction():
                if fenced := await _fenced(connection, batch):
                    admitted = self._admit(batch, heads, fenced)
                await self._store_in_turn(connection, admitted)
        self._heads.keep((append.stream for append, _ in admitted.appends if append.events), admitted.heads)
        for append, events in admitted.appends:
            admitted.outcomes[append] = events.recorded
        return admitted.outcomes

    def _admit(self, batch: Sequence[Append], heads: dict[str, Head], fenced: frozenset[Fence]) -> _Admitted:
        """Chain the events of every append that may be stored, and refuse the others."""
        admitted = _Admitted(dict(heads))
        for append in batch:
            head = admitted.heads.get(append.stream, BEGINNING)
            if append.fence in fenced:
                admitted.outcomes[append] = Fenced(append.fence.name, append.fence.token)
            elif head[0] != append.expected:
                admitted.outcomes[append] = VersionConflict(append.stream, append.expected, head[0])
            else:
                if append.chained is None or append.chained.before != head:
                    append.chained = chained(append, head, self._now(), self._views)
                admitted.appends.append((append, append.chained))
                admitted.heads[append.stream] = append.chained.after
        return admitted

    async def _store_at_once(self, connection: Connection, batch: Sequence[Append], admitted: _Admitted) -> bool:
        """Store in one statement what fits in one; False when nothing was stored."""
        if not admitted.appends or not all(append.events and not append.writes for append, _ in admitted.appends):
            return False
        writes = admitted.writes(len(self._views))
        fences = {append.fence for append in batch if append.fence is not None}
        whole = None if writes is None else combined(admitted.args(), writes, fences)
        if whole is None:
            return False
        try:
            admitted.place(await connection.fetch(whole.sql, *whole.args))
        except asyncpg.DivisionByZeroError:  # a fence; the transaction tells which
            return False
        return True

    async def _store_in_turn(self, connection: Connection, admitted: _Admitted) -> None:
        """Store inside a transaction of the caller, statement by statement."""
        recorded = admitted.recorded
        if recorded:
            admitted.place(await connection.fetch(rows.INSERT, *admitted.args()))
        writes = admitted.writes(len(self._views))
        for of_view in projected(recorded, self._views) if writes is None else writes:
            await run_writes(connection, of_view)
        await run_writes(connection, (write for append, _ in admitted.appends for write in append.writes))


async def run_writes(connection: Connection, writes: Iterable[Write]) -> None:
    """Execute writes in their order; neighbours of the same SQL go in one round trip. Raises GuardFailed."""
    for sql, neighbours in groupby(writes, key=attrgetter("sql")):
        same = list(neighbours)
        args = [write.args for write in same]
        if isinstance(same[0], Guard):
            for each in args:
                if await connection.fetchrow(sql, *each) is None:
                    raise GuardFailed(sql)
        elif (many := same[0].plain) is not None:
            await connection.execute(many.sql(), json_text(args))
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
