import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from contracts.message import Metadata
from eventlog.errors import Fenced
from eventlog.execute import execute, load
from eventlog.log import EventLog
from eventlog.statements import Write
from purse_domain import (
    CONTEXT,
    LONG_PURSE,
    PURSE,
    CoinsPut,
    Purse,
    PurseEvent,
    PurseTooLight,
    PutCoins,
    TakeCoins,
)

STREAM = "money.purse-a"


def coins(amount: int) -> PutCoins:
    return PutCoins(amount=Decimal(amount))


async def test_a_command_is_decided_and_stored(log: EventLog) -> None:
    first = await execute(log, PURSE, STREAM, coins(5), Metadata())
    second = await execute(log, PURSE, STREAM, TakeCoins(amount=Decimal(2)), Metadata())
    assert (first.version, first.repeated, first.events) == (1, False, (CoinsPut(amount=Decimal(5)),))
    assert (second.version, second.state) == (2, Purse(Decimal(3), 2))
    assert await load(log, PURSE, STREAM) == (Purse(Decimal(3), 2), 2)


async def test_a_rejection_stores_nothing(log: EventLog) -> None:
    with pytest.raises(PurseTooLight):
        await execute(log, PURSE, STREAM, TakeCoins(amount=Decimal(1)), Metadata())
    assert await log.read(STREAM) == []


async def test_the_same_command_again_has_the_same_outcome(log: EventLog) -> None:
    metadata = Metadata()
    first = await execute(log, PURSE, STREAM, coins(5), metadata)
    await execute(log, PURSE, STREAM, TakeCoins(amount=Decimal(5)), Metadata())
    again = await execute(log, PURSE, STREAM, coins(5), metadata)
    assert again == replace(first, repeated=True)
    assert len(await log.read(STREAM)) == 2


async def test_the_same_command_many_times_at_once_is_executed_once(log: EventLog, database_url: str) -> None:
    other = EventLog(database_url, context=CONTEXT)
    await other.start()
    metadata = Metadata()
    results = await asyncio.gather(
        *(execute(one, PURSE, STREAM, coins(5), metadata) for one in itertools.islice(itertools.cycle((log, other)), 20))
    )
    assert sum(not result.repeated for result in results) == 1
    assert {(result.version, result.state) for result in results} == {(1, Purse(Decimal(5), 1))}
    assert len(await log.read(STREAM)) == 1
    await other.stop()


async def test_two_processes_worth_of_commands_on_one_stream_all_succeed(log: EventLog, database_url: str) -> None:
    other = EventLog(database_url, context=CONTEXT)
    await other.start()
    await asyncio.gather(*(execute(one, PURSE, STREAM, coins(1), Metadata()) for one in [log, other] * 30))
    assert (await load(log, PURSE, STREAM))[0] == Purse(Decimal(60), 60)
    await other.stop()


async def test_a_command_that_changes_nothing_stores_nothing(log: EventLog) -> None:
    result = await execute(log, PURSE, STREAM, coins(0), Metadata())
    assert (result.events, result.version) == ((), 0)


async def test_further_writes_are_made_of_the_new_state(log: EventLog) -> None:
    await log.fetch("CREATE TABLE totals (coins numeric, events int)")

    def writes(state: Purse, events: Sequence[PurseEvent]) -> Sequence[Write]:
        return [Write("INSERT INTO totals VALUES ($1, $2)", (state.coins, len(events)))]

    await execute(log, PURSE, STREAM, coins(2), Metadata())
    await execute(log, PURSE, STREAM, coins(3), Metadata(), writes=writes)
    assert await log.fetch("SELECT * FROM totals") == [(Decimal(5), 1)]


async def test_a_stale_holder_is_refused(log: EventLog) -> None:
    stale = await log.raise_fence("f")
    await log.raise_fence("f")
    with pytest.raises(Fenced):
        await execute(log, PURSE, STREAM, coins(1), Metadata(), fence=stale)


async def test_long_streams_are_read_from_a_snapshot(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Metadata(message_id=uuid4())
    await execute(log, LONG_PURSE, STREAM, coins(100), first)
    for _ in range(24):
        await execute(log, LONG_PURSE, STREAM, TakeCoins(amount=Decimal("0.5")), Metadata())
    snapshot = await log.load_snapshot(STREAM, "state_v1")
    assert snapshot is not None
    assert (snapshot.originator_version, snapshot.state) == (20, {"coins": "90.5", "events": 20})

    reads: list[int] = []
    read = log.read

    async def counting(stream: str, after: int = 0) -> object:
        found = await read(stream, after)
        reads.append(len(found))
        return found

    monkeypatch.setattr(log, "read", counting)
    assert await load(log, LONG_PURSE, STREAM) == (Purse(Decimal(88), 25), 25)
    assert reads == [5]
    again = await execute(log, LONG_PURSE, STREAM, coins(100), first)
    assert (again.repeated, again.version, again.state) == (True, 1, Purse(Decimal(100), 1))


async def test_a_snapshot_of_another_version_is_not_used(log: EventLog) -> None:
    await execute(log, LONG_PURSE, STREAM, coins(1), Metadata())
    await log.save_snapshot(STREAM, 1, "state_v0", {"money": 7})
    assert await load(log, LONG_PURSE, STREAM) == (Purse(Decimal(1), 1), 1)
