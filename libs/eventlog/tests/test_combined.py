"""Batches that go to the database in one statement: stored and refused exactly as they are statement by statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal

import asyncpg
import pytest
import sqlalchemy as sa
from contracts.message import Metadata
from eventlog.combined import combined, renumbered
from eventlog.errors import Fenced, VersionConflict
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Guard, Statement, Write
from purse_domain import CONTEXT, CoinsPut, CoinsTaken

A, B, C = "money.purse-a", "money.purse-b", "money.purse-c"


def put(amount: int) -> CoinsPut:
    return CoinsPut(amount=Decimal(amount))


class RowsView:
    """One new row an event, by a plain insert; the row of `placed` coins also says where the event stands."""

    name = "coins"

    def __init__(self, placed: int = -1) -> None:
        self.metadata = sa.MetaData()
        self.placed = Decimal(placed)
        self.table = sa.Table(
            self.name,
            self.metadata,
            sa.Column("purse", sa.Text, primary_key=True),
            sa.Column("version", sa.BigInteger, primary_key=True),
            sa.Column("amount", sa.Numeric, sa.CheckConstraint("amount < 1000"), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("position", sa.BigInteger),
        )
        self._row = Statement(sa.insert(self.table))

    def project(self, recorded: Recorded) -> Iterable[Write]:
        if isinstance(event := recorded.event, CoinsPut):
            position = recorded.position if event.amount == self.placed else None
            key = {"purse": recorded.stream, "version": recorded.version, "position": position}
            yield self._row.bind(**key, amount=event.amount, at=recorded.recorded_at)


class SumsView:
    """One row a stream, whose sum each event changes."""

    name = "sums"

    def __init__(self) -> None:
        self.metadata = sa.MetaData()
        columns: list[sa.Column[object]] = [sa.Column("stream", sa.Text, primary_key=True), sa.Column("total", sa.Numeric)]
        self.table = sa.Table(self.name, self.metadata, *columns)
        self._change = Statement(
            sa.text(
                "INSERT INTO sums VALUES (:stream, :amount)"
                " ON CONFLICT (stream) DO UPDATE SET total = sums.total + excluded.total"
            ),
            row=("sums", "stream"),
        )

    def project(self, recorded: Recorded) -> Iterable[Write]:
        if isinstance(event := recorded.event, CoinsPut | CoinsTaken):
            yield self._change.bind(stream=recorded.stream, amount=event.amount)


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    log = EventLog(database_url, context=CONTEXT, views=[RowsView(placed=7), SumsView()])
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
def statements(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the writer sends from now on."""
    sent: list[str] = []
    connection = log._recorder._connection
    assert connection is not None
    connection.add_query_logger(lambda record: sent.append(record.query))
    return sent


async def _connected(log: EventLog) -> None:
    await log.append("money.purse-first", 0, [put(1)], Metadata())


async def _check(log: EventLog, amounts: list[tuple[str, int]]) -> None:
    """The rows are those of the events, and of a replay; the chains hold."""
    found = await log.fetch("SELECT purse, amount::int FROM coins ORDER BY purse, version")
    assert [tuple(row) for row in found] == [*amounts, ("money.purse-first", 1)]
    assert [(await log.replay(view)).identical for view in log.views] == [True, True]
    assert (await log.verify_all()).intact


@pytest.fixture
async def connected(log: EventLog) -> EventLog:
    """The log, once its writer has a connection."""
    await _connected(log)
    return log


async def test_events_and_rows_of_two_views_are_one_statement(connected: EventLog, statements: list[str]) -> None:
    fence = await connected.raise_fence("f")
    await connected.append(B, 0, [put(1)], Metadata(), fence=fence)
    statements.clear()  # the driver asked about types
    [stored] = await connected.append(A, 0, [put(2)], Metadata(actor='"ada"'), fence=fence)
    assert len(statements) == 1
    assert await connected.read(A) == [stored]
    assert await connected.fetch("SELECT total::int FROM sums WHERE stream = $1", A) == [(2,)]
    await _check(connected, [(A, 2), (B, 1)])


async def test_many_rows_of_a_plain_insert_are_one_statement(database_url: str) -> None:
    log = EventLog(database_url, context=CONTEXT, views=[view := RowsView()])
    await log.start()
    await _connected(log)
    await asyncio.gather(*(log.append(f"money.purse-{name}", 0, [put(1)], Metadata()) for name in "xy"))
    sent: list[str] = []
    connection = log._recorder._connection
    assert connection is not None
    connection.add_query_logger(lambda record: sent.append(record.query))
    stored = await asyncio.gather(*(log.append(stream, 0, [put(1), put(2)], Metadata()) for stream in (C, A, B)))
    assert len(sent) == 1
    assert [one.stream for one in sorted((one for each in stored for one in each), key=lambda one: one.position)] == [
        A, A, B, B, C, C,
    ]  # fmt: skip
    rows = await log.fetch(sa.select(view.table).where(view.table.c.purse == B).order_by("version"))
    at = stored[2][0].recorded_at
    assert [tuple(row) for row in rows] == [(B, 1, Decimal(1), at, None), (B, 2, Decimal(2), at, None)]
    await log.stop()


async def test_several_changes_of_a_view_are_made_in_turn(connected: EventLog, statements: list[str]) -> None:
    await asyncio.gather(*(connected.append(stream, 0, [put(2), put(3)], Metadata()) for stream in (A, B)))
    assert "BEGIN" in statements[0].upper()
    assert await connected.fetch("SELECT total::int FROM sums ORDER BY stream") == [(5,), (5,), (1,)]
    await _check(connected, [(A, 2), (A, 3), (B, 2), (B, 3)])


async def test_a_view_that_reads_the_place_of_an_event_learns_it(connected: EventLog) -> None:
    [stored] = await connected.append(A, 0, [put(7)], Metadata())
    assert await connected.fetch("SELECT position FROM coins WHERE purse = $1", A) == [(stored.position,)]
    await _check(connected, [(A, 7)])


async def test_an_old_fence_stops_events_and_rows_of_its_append_only(connected: EventLog) -> None:
    old = await connected.raise_fence("f")
    new, other = await connected.raise_fence("f"), await connected.raise_fence("g")
    appends = [
        connected.append(stream, expected, [put(2)], Metadata(), fence=fence)
        for stream, expected, fence in ((A, 0, old), (A, 0, new), (B, 0, other), (C, 5, old), (C, 0, None))
    ]
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(result) for result in results] == [Fenced, list, list, Fenced, list]
    with pytest.raises(Fenced):
        await connected.append(A, 1, [put(3)], Metadata(), fence=old)
    await _check(connected, [(A, 2), (B, 2), (C, 2)])


async def test_a_row_that_is_refused_fails_its_own_append_only(connected: EventLog) -> None:
    appends = [connected.append(stream, 0, [put(amount)], Metadata()) for stream, amount in ((A, 1), (B, 1000), (C, 2))]
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(result) for result in results] == [list, asyncpg.CheckViolationError, list]
    await _check(connected, [(A, 1), (C, 2)])


async def test_another_process_that_was_faster_is_told(connected: EventLog, database_url: str) -> None:
    other = EventLog(database_url, context=CONTEXT, views=connected.views)
    await other.start()
    await asyncio.gather(connected.append(A, 0, [put(1)], Metadata()), other.append(B, 0, [put(1)], Metadata()))
    await other.append(A, 1, [put(2)], Metadata())
    results = await asyncio.gather(
        connected.append(A, 1, [put(3)], Metadata()), connected.append(B, 1, [put(4)], Metadata()), return_exceptions=True
    )
    assert [type(result) for result in results] == [VersionConflict, list]
    await _check(connected, [(A, 1), (A, 2), (B, 1), (B, 4)])
    await other.stop()


async def test_callers_hear_of_their_appends_while_the_next_batch_waits(connected: EventLog, database_url: str) -> None:
    streams = [f"money.purse-{number:02}" for number in range(40)]
    again = [asyncio.Event() for _ in streams]

    async def twice(number: int) -> None:
        await connected.append(streams[number], 0, [put(1)], Metadata())
        again[number].set()
        await connected.append(streams[number], 1, [put(1)], Metadata())

    blocking = await asyncpg.connect(database_url, server_settings={"search_path": CONTEXT})
    transaction = blocking.transaction()
    await transaction.start()
    # The second append of the first stream has to wait for this row.
    await blocking.execute("INSERT INTO coins VALUES ($1, 2, 1, now())", streams[0])
    tasks = [asyncio.create_task(twice(number)) for number in range(len(streams))]
    await asyncio.wait_for(asyncio.gather(*(each.wait() for each in again)), 60)
    assert not tasks[0].done()
    await transaction.rollback()
    await asyncio.gather(*tasks)
    assert (await connected.verify_all()).events == 81
    await blocking.close()


def test_what_cannot_be_one_statement() -> None:
    change = Write("UPDATE sums SET total = $1", (1,), ("sums", 1))
    row = Statement(sa.insert(RowsView().table)).bind(purse="p", version=1, amount=Decimal(1), at=None, position=None)
    assert combined((), [[row, row], [change], []], ()) is not None
    assert combined((), [[row, change]], ()) is None
    assert combined((), [[Write("SELECT f($1)", (1,), ("sums", 1))]], ()) is None
    assert combined((), [[Guard("UPDATE sums SET total = 1 RETURNING 1", (), ("sums", 1))]], ()) is None


def test_parts_keep_what_only_looks_like_a_parameter() -> None:
    kept = """'a $1 ''$2' E'\\'$1' "$1" $$ $1 $$ $x$ '$1 $$ $x$ a$1 -- $1 '\n /* $1 ' */"""
    assert renumbered(f"SELECT $1, {kept}, $12", 3) == f"SELECT $4, {kept}, $15"


class NotesView:
    """Two changes of different rows an event, whose SQL holds a text with a dollar."""

    name = "notes"

    def __init__(self) -> None:
        self.metadata = sa.MetaData()
        columns: list[sa.Column[object]] = [sa.Column("note", sa.Text, primary_key=True), sa.Column("text", sa.Text)]
        self.table = sa.Table(self.name, self.metadata, *columns)
        self._write = Statement(
            sa.text(
                "INSERT INTO notes VALUES (:note, 'costs $1: ' || CAST(:coins AS text))"
                " ON CONFLICT (note) DO UPDATE SET text = excluded.text"
            ),
            row=("notes", "note"),
        )

    def project(self, recorded: Recorded) -> Iterable[Write]:
        if isinstance(event := recorded.event, CoinsPut):
            for copy in "xy":
                yield self._write.bind(note=f"{recorded.stream}{copy}", coins=str(event.amount))


async def test_texts_in_the_sql_of_several_changes_stay_as_they_are(database_url: str) -> None:
    log = EventLog(database_url, context=CONTEXT, views=[NotesView(), SumsView()])
    await log.start()
    sent: list[str] = []
    await _connected(log)
    connection = log._recorder._connection
    assert connection is not None
    await log.append(B, 0, [put(4)], Metadata())
    connection.add_query_logger(lambda record: sent.append(record.query))
    await log.append(A, 0, [put(5)], Metadata())
    assert len(sent) == 1
    found = await log.fetch("SELECT note, text FROM notes WHERE note LIKE $1 ORDER BY note", f"{A}%")
    assert [tuple(row) for row in found] == [(f"{A}x", "costs $1: 5"), (f"{A}y", "costs $1: 5")]
    assert [(await log.replay(view)).identical for view in log.views] == [True, True]
    await log.stop()
