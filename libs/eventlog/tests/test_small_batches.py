"""Small batches of views that change rows: what one statement stores and tells is as if a transaction with many did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal

import asyncpg
import pytest
import sqlalchemy as sa
from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.combined import MOST, combined
from eventlog.errors import Fenced, VersionConflict
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from purse_domain import CONTEXT, CoinsPut, PursesView
from sqlalchemy.dialects.postgresql import insert

STREAM = "money.purse-a"


def put(amount: int) -> list[CoinsPut]:
    return [CoinsPut(amount=Decimal(amount))]


class Latest:
    """One row a purse, by the one statement of an event that names its row."""

    name = "latest"

    def __init__(self) -> None:
        self.metadata = sa.MetaData()
        self.table = sa.Table(
            "latest",
            self.metadata,
            sa.Column("purse", sa.String, primary_key=True),
            sa.Column("coins", sa.Numeric, sa.CheckConstraint("coins <> -13"), nullable=False),
            sa.Column("events", sa.BigInteger, nullable=False),
        )
        new = insert(self.table)
        changed = {"coins": self.table.c.coins + new.excluded.coins, "events": self.table.c.events + 1}
        self._change = Statement(new.on_conflict_do_update(index_elements=["purse"], set_=changed), row=("latest", "purse"))

    def project(self, recorded: Recorded) -> Iterable[Write]:
        if isinstance(recorded.event, CoinsPut):
            yield self._change.bind(purse=recorded.stream, coins=recorded.event.amount, events=1)


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    log = EventLog(database_url, context=CONTEXT, views=[Latest()])
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each transaction that is begun with a statement of its own from now on."""
    begun: list[None] = []
    begin = asyncpg.transaction.Transaction.start

    async def counted(transaction: asyncpg.transaction.Transaction) -> None:
        begun.append(None)
        await begin(transaction)

    monkeypatch.setattr(asyncpg.transaction.Transaction, "start", counted)
    return begun


async def coins(log: EventLog) -> dict[str, int]:
    return {row["purse"]: int(row["coins"]) for row in await log.fetch("SELECT purse, coins FROM latest")}


async def test_a_small_batch_takes_one_round_trip(log: EventLog, begun: list[None]) -> None:
    fences = [await log.raise_fence(f"session.{name}") for name in "ab"]
    first = await asyncio.gather(
        *(log.append(f"money.purse-{n}", 0, put(n), Metadata(), fence=fences[n % 2]) for n in range(MOST))
    )
    second = await asyncio.gather(*(log.append(f"money.purse-{n}", 1, put(20), Metadata()) for n in range(MOST)))
    assert begun == []
    places = [one.position for [one] in first] + [one.position for [one] in second]
    assert places == sorted(set(places))
    assert [(await log.read(f"money.purse-{n}")) for n in range(MOST)] == [
        [*one, *two] for one, two in zip(first, second, strict=True)
    ]
    assert await coins(log) == {f"money.purse-{n}": n + 20 for n in range(MOST)}
    assert (await log.verify_all()).intact
    assert (await log.replay(log.views[0])).identical


async def test_a_fence_out_of_date_is_refused_alone(log: EventLog) -> None:
    old = await log.raise_fence("session.a")
    new = await log.raise_fence("session.a")
    outcomes = await asyncio.gather(
        log.append(STREAM, 0, put(1), Metadata(), fence=old),
        log.append("money.purse-b", 0, put(2), Metadata(), fence=new),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Fenced, list]
    with pytest.raises(Fenced):
        await log.append(STREAM, 0, put(1), Metadata(), fence=old)
    assert await log.read(STREAM) == []
    assert await coins(log) == {"money.purse-b": 2}


async def test_raising_a_fence_waits_for_the_statement_that_holds_it(log: EventLog, database_url: str) -> None:
    """The append waits for a row of its view; the new holder may not begin while it can still be stored."""
    fence = await log.raise_fence("session.a")
    await log.append(STREAM, 0, put(1), Metadata(), fence=fence)
    another = await asyncpg.connect(database_url, server_settings={"search_path": log.context})
    blocked = another.transaction()
    await blocked.start()
    await another.execute("SELECT 1 FROM latest FOR UPDATE")
    append = asyncio.create_task(log.append(STREAM, 1, put(1), Metadata(), fence=fence))
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while not await log.fetch(waiting):
        await log.fetch("SELECT pg_sleep(0.02)")
    raising = asyncio.create_task(log.raise_fence("session.a"))
    done, _ = await asyncio.wait([raising], timeout=0.3)
    assert not done
    await blocked.rollback()
    await another.close()
    await raising
    assert len(await append) == 1
    with pytest.raises(Fenced):
        await log.append(STREAM, 2, put(1), Metadata(), fence=fence)


async def test_two_writes_of_one_row_take_a_transaction(log: EventLog, begun: list[None]) -> None:
    await log.append(STREAM, 0, put(1) + put(2), Metadata())
    assert len(begun) == 1
    assert await coins(log) == {STREAM: 3}


async def test_who_fails_or_is_late_is_told_alone(log: EventLog) -> None:
    await log.append(STREAM, 0, put(1), Metadata())
    outcomes = await asyncio.gather(
        log.append(STREAM, 0, put(1), Metadata()),
        log.append("money.purse-b", 0, put(-13), Metadata()),
        log.append("money.purse-c", 0, put(2), Metadata()),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [VersionConflict, asyncpg.CheckViolationError, list]
    assert await coins(log) == {STREAM: 1, "money.purse-c": 2}
    assert await log.read("money.purse-b") == []
    assert (await log.verify_all()).intact


def test_writes_of_unknown_rows_and_of_the_same_row_do_not_fit() -> None:
    named, other, unnamed = Write("UPDATE a", (), ("t", 1)), Write("UPDATE b", (), ("t", 2)), Write("UPDATE c", ())
    assert combined((), [[named, other]], ()) is not None
    assert combined((), [[named], [other]], ()) is not None
    assert combined((), [[], []], ()) is not None
    assert combined((), [[unnamed]], ()) is None
    assert combined((), [[named, unnamed]], ()) is None
    assert combined((), [[named, named]], ()) is None
    assert combined((), [[named], [named]], ()) is None
    assert combined((), [[Write("UPDATE a", (), ("t", n)) for n in range(MOST)]], ()) is not None
    assert combined((), [[Write("UPDATE a", (), ("t", n)) for n in range(MOST + 1)]], ()) is None


async def test_a_view_that_names_no_row_is_projected_in_a_transaction(database_url: str) -> None:
    log = EventLog(database_url, context=CONTEXT, views=[PursesView(), Latest()])
    await log.start()
    await asyncio.gather(*(log.append(f"money.purse-{n}", 0, put(n), Metadata()) for n in range(3)))
    assert len(await log.fetch("SELECT * FROM movements")) == 3
    assert await coins(log) == {f"money.purse-{n}": n for n in range(3)}
    await log.stop()


async def test_two_writers_of_the_same_streams_neither_lose_nor_double(log: EventLog, database_url: str) -> None:
    other = EventLog(database_url, context=CONTEXT, views=[Latest()])
    await other.start()
    stored: Counter[str] = Counter()

    async def write(mine: EventLog, number: int) -> None:
        stream = f"money.purse-{number % 3}"
        for _ in range(12):
            try:
                await mine.append(stream, len(await mine.read(stream)), put(1), Metadata())
                stored[stream] += 1
            except VersionConflict:
                stored["conflicts"] += 1
            except Unavailable:
                stored["gave way"] += 1

    await asyncio.gather(*(write(mine, number) for mine in (log, other) for number in range(6)))
    await other.stop()
    streams = {name: count for name, count in stored.items() if name.startswith("money.")}
    assert len(streams) == 3
    assert await coins(log) == streams == {name: len(await log.read(name)) for name in streams}
    assert (await log.verify_all()).intact
    assert (await log.replay(log.views[0])).identical
