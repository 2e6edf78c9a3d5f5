import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.database import Connection
from eventlog.errors import Fenced, GuardFailed, VersionConflict
from eventlog.log import EventLog
from eventlog.recorded import FeedPosition
from eventlog.statements import Guard, Write
from purse_domain import CONTEXT, CoinsPut, CoinsTaken, PurseOpened, PursesView

STREAM = "money.purse-a"


def put(amount: int) -> CoinsPut:
    return CoinsPut(amount=Decimal(amount))


async def rows(log: EventLog, view: PursesView) -> list[tuple[object, ...]]:
    found = await log.fetch(sa.select(view.purses).order_by("purse"))
    found += await log.fetch(sa.select(view.movements).order_by("purse", "version"))
    return [tuple(row) for row in found]


async def test_events_come_back_as_they_were_stored(log: EventLog) -> None:
    command = Metadata(actor="ada", correlation_id=uuid4(), traceparent="00-1-2-01")
    events = [PurseOpened(owner="Adä"), CoinsPut(amount=Decimal("0.10"), note="x")]
    stored = await log.append(STREAM, 0, events, command)
    assert [one.event for one in stored] == events
    assert [one.version for one in stored] == [1, 2]
    assert {one.metadata.causation_id for one in stored} == {command.message_id}
    assert {one.metadata.correlation_id for one in stored} == {command.correlation_id}
    assert {one.metadata.actor for one in stored} == {"ada"}
    assert stored[0].metadata.message_id != stored[1].metadata.message_id
    assert stored[0].recorded_at.tzinfo is not None
    assert await log.read(STREAM) == stored
    assert await log.read(STREAM, after=1) == stored[1:]
    assert await log.read("money.purse-unknown") == []
    assert await log.feed(FeedPosition(), 10) == stored
    assert await log.feed(FeedPosition.of(stored[0]), 10) == stored[1:]


async def test_stored_types_are_bare_class_names(log: EventLog) -> None:
    await log.append(STREAM, 0, [PurseOpened(owner="a"), put(1)], Metadata())
    found = await log.fetch("SELECT topic, convert_from(state, 'UTF8') FROM stored_events ORDER BY 1")
    assert [tuple(row) for row in found] == [
        ("CoinsPut", '{"amount":"1","note":"","class_version":3}'),
        ("PurseOpened", '{"owner":"a"}'),
    ]


async def test_a_guard_that_finds_nothing_stops_its_append_alone(log: EventLog) -> None:
    finds, misses = (Guard("SELECT 1 WHERE $1::int > 0 ", (number,)) for number in (1, 0))
    appends = [
        log.append(f"money.purse-{name}", 0, [put(1)], Metadata(), writes=guards)
        for name, guards in (("a", [finds]), ("b", [finds, misses]), ("c", [finds, finds]))
    ]
    first, second, third = await asyncio.gather(*appends, return_exceptions=True)
    assert isinstance(second, GuardFailed)
    assert await log.read("money.purse-b") == []
    assert (await log.read("money.purse-a"), await log.read("money.purse-c")) == (first, third)


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_another_version_than_expected_is_a_conflict(log: EventLog, expected: int) -> None:
    await log.append(STREAM, 0, [put(1), put(2)], Metadata())
    with pytest.raises(VersionConflict) as conflict:
        await log.append(STREAM, expected, [put(3)], Metadata())
    assert (conflict.value.expected, conflict.value.actual) == (expected, 2)
    assert len(await log.read(STREAM)) == 2


async def test_conflicts_inside_one_batch_are_told_to_the_loser(log: EventLog, view: PursesView) -> None:
    results = await asyncio.gather(
        log.append(STREAM, 0, [put(1)], Metadata()),
        log.append(STREAM, 0, [put(2)], Metadata()),
        log.append("money.purse-b", 0, [put(3)], Metadata()),
        log.append(STREAM, 1, [put(4)], Metadata()),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [list, VersionConflict, list, list]
    assert [one.event for one in await log.read(STREAM)] == [put(1), put(4)]
    assert len(await log.fetch(sa.select(view.movements))) == 3


INSERT = (
    "INSERT INTO stored_events (originator_id, originator_version, topic, state, message_id, actor, recorded_at, hash)"
    """ VALUES ($1, 1, 'CoinsPut', '{"coins": "1"}', gen_random_uuid(), 'a', now(), '')"""
)


@pytest.fixture
async def another(database_url: str, log: EventLog) -> AsyncIterator[Connection]:
    """A connection to the log's tables, as another process has one."""
    connection = await asyncpg.connect(database_url, server_settings={"search_path": log.context})
    yield connection
    await connection.close()


async def test_a_conflict_with_another_process_is_told_to_the_loser(log: EventLog, another: Connection) -> None:
    async with another.transaction():
        await another.execute(INSERT, STREAM)
        appends = [
            asyncio.create_task(log.append(stream, 0, [put(1)], Metadata()))
            for stream in (STREAM, "money.purse-b", "money.purse-c")
        ]
        await asyncio.wait(appends, timeout=0.2)
        assert not any(append.done() for append in appends)
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(result) for result in results] == [VersionConflict, list, list]


async def test_the_feed_waits_for_transactions_that_may_still_commit(log: EventLog, another: Connection) -> None:
    async with another.transaction():
        await another.execute(INSERT, "money.purse-slow")
        await log.append(STREAM, 0, [put(1)], Metadata())
        assert len(await log.read(STREAM)) == 1
        assert await log.feed(FeedPosition(), 10) == []
    assert [one.stream for one in await log.feed(FeedPosition(), 10)] == ["money.purse-slow", STREAM]


async def test_views_and_further_writes_are_stored_with_the_events(log: EventLog, view: PursesView) -> None:
    write = Write("INSERT INTO movements VALUES ($1, 99, 7, now())", (STREAM,))
    await log.append(STREAM, 0, [put(5), CoinsTaken(amount=Decimal(2))], Metadata(), writes=[write])
    assert [tuple(row) for row in await log.fetch(sa.select(view.purses))] == [
        (STREAM, Decimal(3), '{"amount": "-2", "version": 2}')
    ]
    assert await log.fetch("SELECT count(*) FROM movements") == [(3,)]
    with pytest.raises(asyncpg.UniqueViolationError):
        await log.append(STREAM, 2, [put(1)], Metadata(), writes=[write])
    assert len(await log.read(STREAM)) == 2


async def test_writes_without_events_need_the_version_too(log: EventLog) -> None:
    write = Write("CREATE TABLE made (x int)", ())
    with pytest.raises(VersionConflict):
        await log.append(STREAM, 1, [], Metadata(), writes=[write])
    assert await log.append(STREAM, 0, [], Metadata(), writes=[write]) == []
    assert await log.fetch("SELECT * FROM made") == []


@pytest.mark.parametrize("broken", ["fail_on", "bug_on"])
async def test_a_view_that_fails_fails_its_own_append_only(log: EventLog, view: PursesView, broken: str) -> None:
    setattr(view, broken, Decimal(13))
    streams = [f"money.purse-{n}" for n in range(8)]
    results = await asyncio.gather(
        *(log.append(stream, 0, [put(13 if n == 3 else n)], Metadata()) for n, stream in enumerate(streams)),
        return_exceptions=True,
    )
    kinds = [type(result) for result in results]
    assert kinds.pop(3) is (asyncpg.CheckViolationError if broken == "fail_on" else KeyError)
    assert set(kinds) == {list}
    assert await log.read(streams[3]) == []
    assert len(await log.fetch("SELECT * FROM movements")) == 7
    await log.append(streams[3], 0, [put(1)], Metadata())


async def test_a_conflict_with_an_append_that_fails_is_none(log: EventLog, view: PursesView) -> None:
    view.fail_on = Decimal(13)
    results = await asyncio.gather(
        log.append(STREAM, 0, [put(13)], Metadata()),
        log.append(STREAM, 0, [put(1)], Metadata()),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [asyncpg.CheckViolationError, list]


async def test_an_older_fence_is_refused(log: EventLog) -> None:
    first = await log.raise_fence("session.a.binance")
    await log.append(STREAM, 0, [put(1)], Metadata(), fence=first)
    second = await log.raise_fence("session.a.binance")
    other = await log.raise_fence("session.b.binance")
    assert (first.token, second.token, other.token) == (1, 2, 1)
    results = await asyncio.gather(
        log.append(STREAM, 1, [put(2)], Metadata(), fence=first),
        log.append(STREAM, 1, [put(3)], Metadata(), fence=second),
        log.append("money.purse-b", 0, [put(4)], Metadata(), fence=other),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Fenced, list, list]
    assert [one.event for one in await log.read(STREAM)] == [put(1), put(3)]


async def test_raising_a_fence_waits_for_the_append_that_holds_it(log: EventLog) -> None:
    fence = await log.raise_fence("f")
    slow = Write("SELECT pg_sleep(0.3)", ())
    append = asyncio.create_task(log.append(STREAM, 0, [put(1)], Metadata(), writes=[slow], fence=fence))
    await asyncio.sleep(0.1)
    await log.raise_fence("f")
    assert append.done() or len(await log.read(STREAM)) == 1
    await append


async def test_replay_gives_identical_rows(log: EventLog, view: PursesView) -> None:
    streams = [f"money.purse-{n}" for n in range(5)]
    for version in range(4):
        await asyncio.gather(*(log.append(stream, version, [put(version + 1)], Metadata()) for stream in streams))
    before = await rows(log, view)
    await log.fetch("UPDATE purses SET coins = 0")
    await log.fetch("DELETE FROM movements WHERE version = 2")
    assert await rows(log, view) != before
    mended = await log.replay(view)
    assert (mended.events, mended.identical) == (20, False)
    assert {name for name, digest in mended.before.items() if mended.after[name] != digest} == {"purses", "movements"}
    assert await rows(log, view) == before
    again = await log.replay(view)
    assert again.identical
    assert again.before == mended.after


async def test_a_new_view_is_filled_at_start(database_url: str) -> None:
    before = EventLog(database_url, context=CONTEXT)
    await before.start()
    await before.append(STREAM, 0, [put(1), put(2)], Metadata())
    await before.stop()
    log = EventLog(database_url, context=CONTEXT, views=[PursesView()])
    await log.start()
    assert await log.fetch("SELECT coins FROM purses") == [(Decimal(3),)]
    await log.stop()


async def test_a_table_has_one_definition(view: PursesView) -> None:
    with pytest.raises(ValueError, match="purses is defined twice"):
        EventLog("postgresql://nowhere", context=CONTEXT, views=[view], tables=[view.metadata])
    with pytest.raises(ValueError, match="schema name"):
        EventLog("postgresql://nowhere", context="gateway-api")


async def test_a_stream_of_another_context_is_refused(log: EventLog) -> None:
    with pytest.raises(ValueError, match="not of context"):
        await log.append("trading.order-1", 0, [put(1)], Metadata())


async def test_events_of_another_cluster_are_refused_before_the_feed_hides_them(log: EventLog, database_url: str) -> None:
    await log.append(STREAM, 0, [put(1)], Metadata())
    await log.fetch("UPDATE stored_events SET tx = '9999999999'")
    with pytest.raises(RuntimeError, match="--epoch=3"):
        await EventLog(database_url, context=CONTEXT).start()


async def test_replicas_may_start_together(database_url: str) -> None:
    logs = [EventLog(database_url, context=CONTEXT, views=[PursesView()]) for _ in range(4)]
    await asyncio.gather(*(log.start() for log in logs))
    results = await asyncio.gather(
        *(log.append(STREAM, 0, [put(n)], Metadata()) for n, log in enumerate(logs)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["VersionConflict"] * 3 + ["list"]
    await asyncio.gather(*(log.stop() for log in logs))


async def test_commits_wake_those_who_wait(log: EventLog) -> None:
    committed = asyncio.Event()
    log.on_commit(committed.set)
    await log.append(STREAM, 0, [put(1)], Metadata())
    await asyncio.wait_for(committed.wait(), 30)
    committed.clear()
    with pytest.raises(VersionConflict):
        await log.append(STREAM, 0, [put(1)], Metadata())
    assert not committed.is_set()


async def test_stopping_commits_what_is_queued(database_url: str) -> None:
    log = EventLog(database_url, context=CONTEXT)
    await log.start()
    assert log.trouble() in {None, "event log has no connection to its database"}
    appends = [asyncio.create_task(log.append(f"money.purse-{n}", 0, [put(n)], Metadata())) for n in range(50)]
    await asyncio.sleep(0)
    await log.stop()
    assert len(await asyncio.gather(*appends)) == 50
    assert log.trouble() == "event log is not running"
    with pytest.raises(Unavailable):
        await log.append(STREAM, 0, [put(1)], Metadata())
    with pytest.raises(Unavailable):
        await log.read(STREAM)


async def test_the_queue_is_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventlog.recorder.QUEUE_LIMIT", 10)
    results = await asyncio.gather(
        *(log.append(f"money.purse-{n}", 0, [put(n)], Metadata()) for n in range(30)), return_exceptions=True
    )
    assert [type(result) for result in results] == [list] * 10 + [Unavailable] * 20
