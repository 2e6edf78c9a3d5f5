"""States kept between commands: they save reads, and no outcome shows that they were there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.decider import Decider
from eventlog.errors import Fenced
from eventlog.execute import Executed, execute, load
from eventlog.log import EventLog
from eventlog.states import Known, States
from hypothesis import given, settings
from hypothesis import strategies as st
from purse_domain import CONTEXT, LONG_PURSE, PURSE, Purse, PurseEvent, PurseTooLight, PutCoins, TakeCoins

STREAM = "money.purse-a"
SHORT_PURSE = replace(LONG_PURSE, snapshots=replace(LONG_PURSE.snapshots, every=3)) if LONG_PURSE.snapshots else LONG_PURSE


def put(amount: int) -> PutCoins:
    return PutCoins(amount=Decimal(amount))


def take(amount: int) -> TakeCoins:
    return TakeCoins(amount=Decimal(amount))


@pytest.fixture
async def other(database_url: str, log: EventLog) -> AsyncIterator[EventLog]:
    """The log of another replica."""
    other = EventLog(database_url, context=CONTEXT, views=log.views)
    await other.start()
    yield other
    await other.stop()


@pytest.fixture
def reads(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams that are read from now on."""
    reads: list[str] = []
    read = log.read

    async def counting(stream: str, after: int = 0) -> object:
        reads.append(stream)
        return await read(stream, after)

    monkeypatch.setattr(log, "read", counting)
    return reads


async def test_a_hot_stream_is_read_once(log: EventLog, reads: list[str]) -> None:
    for _ in range(5):
        done = await execute(log, PURSE, STREAM, put(1), Metadata())
    assert (done.state, done.version, reads) == (Purse(Decimal(5), 5), 5, [STREAM])
    await load(log, PURSE, STREAM)
    assert len(reads) == 2


async def test_a_new_stream_is_not_read(log: EventLog, reads: list[str]) -> None:
    metadata = Metadata()
    first = await execute(log, PURSE, STREAM, put(1), metadata, new=True)
    await execute(log, PURSE, STREAM, put(1), Metadata())
    assert (first.version, reads) == (1, [])


async def test_a_stream_that_was_not_new_is_read(log: EventLog, other: EventLog) -> None:
    metadata = Metadata()
    first = await execute(other, PURSE, STREAM, put(1), metadata, new=True)
    assert await execute(log, PURSE, STREAM, put(1), metadata, new=True) == replace(first, repeated=True)
    assert (await execute(log, PURSE, STREAM, take(1), Metadata(), new=True)).version == 2


async def test_what_another_replica_stored_is_seen_by_every_decision(log: EventLog, other: EventLog) -> None:
    await execute(log, PURSE, STREAM, put(1), Metadata())
    await execute(other, PURSE, STREAM, put(4), Metadata())
    accepted = await execute(log, PURSE, STREAM, take(5), Metadata())
    assert (accepted.state, accepted.version) == (Purse(Decimal(0), 3), 3)
    with pytest.raises(PurseTooLight, match="0 coins"):
        await execute(other, PURSE, STREAM, take(1), Metadata())
    await execute(log, PURSE, STREAM, put(2), Metadata())
    nothing = await execute(other, PURSE, STREAM, put(0), Metadata())
    assert (nothing.state, nothing.version) == (Purse(Decimal(2), 4), 4)


async def test_who_writes_a_stream_alone_reads_nothing_for_a_command_that_changes_nothing(
    log: EventLog, reads: list[str]
) -> None:
    await execute(log, PURSE, STREAM, put(1), Metadata(), new=True, alone=True)
    nothing = await execute(log, PURSE, STREAM, put(0), Metadata(), alone=True)
    assert (nothing.state, nothing.version, nothing.events, reads) == (Purse(Decimal(1), 1), 1, (), [])
    with pytest.raises(PurseTooLight):
        await execute(log, PURSE, STREAM, take(2), Metadata(), alone=True)
    assert reads == [STREAM]


async def test_a_command_that_another_replica_executed_is_repeated(log: EventLog, other: EventLog) -> None:
    metadata = Metadata()
    await execute(log, PURSE, STREAM, put(1), Metadata())
    first = await execute(other, PURSE, STREAM, put(3), metadata)
    await execute(other, PURSE, STREAM, take(4), Metadata())
    for one in (log, other, log):
        assert await execute(one, PURSE, STREAM, put(3), metadata) == replace(first, repeated=True)


async def test_nothing_is_kept_after_an_outcome_that_is_not_known(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    await execute(log, PURSE, STREAM, put(1), Metadata())
    append = log.append

    async def stored_but_unknown(*args: object, **more: object) -> object:
        await append(*args, **more)  # type: ignore[arg-type]
        raise Unavailable("lost")

    metadata = Metadata()
    with monkeypatch.context() as patch:
        patch.setattr(log, "append", stored_but_unknown)
        with pytest.raises(Unavailable):
            await execute(log, PURSE, STREAM, put(2), metadata)
    assert (await execute(log, PURSE, STREAM, put(2), metadata)).repeated
    assert (await execute(log, PURSE, STREAM, take(3), Metadata())).version == 3


async def test_a_kept_state_does_not_open_a_fence(log: EventLog) -> None:
    fence = await log.raise_fence("f")
    await execute(log, PURSE, STREAM, put(1), Metadata(), fence=fence)
    await log.raise_fence("f")
    with pytest.raises(Fenced):
        await execute(log, PURSE, STREAM, put(1), Metadata(), fence=fence)
    assert (await load(log, PURSE, STREAM))[1] == 1


async def test_a_cancelled_command_leaves_no_turn_behind(log: EventLog) -> None:
    fence = await log.raise_fence("f")
    async with log.states.turn(STREAM):
        waiting = asyncio.create_task(execute(log, PURSE, STREAM, put(1), Metadata(), fence=fence))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    assert log.states._turns == {}


def known(commands: int) -> Known[Purse]:
    return Known(Purse(), 1, 0, 0, {uuid4() for _ in range(commands)})


def test_what_was_used_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventlog.states.LIMIT", 10)
    monkeypatch.setattr("eventlog.states.LONGEST_STREAM", 6)
    states, old, new = States(), known(3), known(4)
    states.keep("old", PURSE, old)
    states.keep("long", PURSE, known(7))
    assert states.take("long", PURSE) is None
    states.keep("new", PURSE, new)
    states.keep("old", PURSE, old)
    states.keep("newest", PURSE, known(1))
    assert states.take("new", PURSE) is None
    assert states.take("old", LONG_PURSE) is None
    assert states.take("old", PURSE) is None
    assert states.take("newest", PURSE) is not None
    assert states._weight == 0


type Step = tuple[int, bool, int, int, bool]
STEPS = st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 3), st.integers(0, 30), st.booleans())
"""Which replica, put or take, how many coins, which command id, and whether the caller believes the stream to be new."""


def decided(
    decider: Decider[Purse, PutCoins | TakeCoins, PurseEvent], state: Purse, command: PutCoins | TakeCoins
) -> tuple[PurseEvent, ...] | str:
    """The events of a command, or why it is refused."""
    try:
        return tuple(decider.decide(state, command))
    except PurseTooLight as refusal:
        return refusal.detail


async def play(logs: list[EventLog], decider: Decider[Purse, PutCoins | TakeCoins, PurseEvent], story: list[Step]) -> None:
    """Execute a story on a new stream and compare every outcome with what one replica without memory would say."""
    stream, ids = f"money.purse-{uuid4().hex}", [uuid4() for _ in range(31)]
    state, version, done = Purse(), 0, dict[int, Executed[Purse, PurseEvent]]()
    for replica, putting, amount, number, new in story:
        command = put(amount) if putting else take(amount)
        found: Executed[Purse, PurseEvent] | str
        try:
            found = await execute(logs[replica], decider, stream, command, Metadata(message_id=ids[number]), new=new)
        except PurseTooLight as refusal:
            found = refusal.detail
        if number in done:
            assert found == replace(done[number], repeated=True)
            continue
        events = decided(decider, state, command)
        if isinstance(events, str):
            assert found == events
            continue
        state, version = decider.fold(state, events), version + len(events)
        expected = Executed(state, events, version, repeated=False)
        assert found == expected
        if events:
            done[number] = expected
    assert await load(logs[0], decider, stream) == (state, version)
    assert (await logs[1].verify(stream)).intact


@pytest.mark.parametrize("decider", [PURSE, SHORT_PURSE], ids=["plain", "snapshots"])
def test_two_replicas_decide_as_one_without_memory(
    database_url: str, decider: Decider[Purse, PutCoins | TakeCoins, PurseEvent]
) -> None:
    with asyncio.Runner() as runner:
        logs = [EventLog(database_url, context=CONTEXT) for _ in range(2)]
        for log in logs:
            runner.run(log.start())

        @settings(max_examples=40, deadline=None)
        @given(st.lists(STEPS, max_size=25))
        def check(story: list[Step]) -> None:
            runner.run(play(logs, decider, story))

        check()
        for log in logs:
            runner.run(log.stop())


async def test_a_stream_that_another_writes_all_the_time_is_read_whole_once(
    log: EventLog, other: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await execute(other, PURSE, STREAM, put(1), Metadata())
    read, began = log.read, list[int]()

    async def overtaken(stream: str, after: int = 0) -> object:
        began.append(after)
        recorded = await read(stream, after)
        if len(began) < 8:
            await execute(other, PURSE, STREAM, put(1), Metadata())
        return recorded

    monkeypatch.setattr(log, "read", overtaken)
    done = await execute(log, PURSE, STREAM, take(1), Metadata())
    assert (began, done.version) == ([0, 3, 4, 5, 6, 7, 8, 9], 11)
    assert (await load(other, PURSE, STREAM)) == (done.state, done.version)
