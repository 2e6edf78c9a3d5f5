"""Heads of streams that are not read: what is stored and told is as if they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from contracts.message import Metadata
from eventlog import rows
from eventlog.database import Connection
from eventlog.errors import Fenced, VersionConflict
from eventlog.heads import Heads
from eventlog.log import EventLog
from purse_domain import CONTEXT, CoinsPut

STREAM = "money.purse-a"
EVENT = [CoinsPut(amount=Decimal(1))]


@pytest.fixture
async def other(database_url: str, log: EventLog) -> AsyncIterator[EventLog]:
    """The log of another replica."""
    other = EventLog(database_url, context=CONTEXT, views=log.views)
    await other.start()
    yield other
    await other.stop()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams whose heads are read from now on."""
    reads: list[str] = []
    of = Heads.of

    class Watched:
        def __init__(self, connection: Connection) -> None:
            self._connection = connection

        async def fetch(self, sql: str, streams: list[str]) -> object:
            assert sql == rows.HEADS
            reads.extend(streams)
            return await self._connection.fetch(sql, streams)

    async def watched(heads: Heads, connection: Connection, batch: object) -> object:
        return await of(heads, Watched(connection), batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Heads, "of", watched)
    return reads


async def test_heads_of_own_commits_and_new_streams_are_not_read(log: EventLog, reads: list[str]) -> None:
    for version in range(4):
        await asyncio.gather(*(log.append(f"money.purse-{n}", version, EVENT, Metadata()) for n in range(5)))
    assert reads == []
    assert (await log.verify_all()).intact


async def test_a_stale_head_is_told_to_its_append_only_and_the_hash_chain_holds(
    log: EventLog, other: EventLog, reads: list[str]
) -> None:
    await log.append(STREAM, 0, EVENT, Metadata())
    await other.append(STREAM, 1, EVENT * 2, Metadata())
    results = await asyncio.gather(
        *(log.append(stream, expected, EVENT, Metadata()) for stream, expected in ((STREAM, 1), ("money.purse-b", 0))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [VersionConflict, list]
    assert isinstance(results[0], VersionConflict)
    assert results[0].actual == 3
    await log.append(STREAM, 3, EVENT, Metadata())
    assert STREAM in reads
    assert (await log.verify_all()).intact


async def test_an_append_that_knows_better_than_the_kept_head_is_stored(log: EventLog, other: EventLog) -> None:
    await log.append(STREAM, 0, EVENT, Metadata())
    await other.append(STREAM, 1, EVENT, Metadata())
    assert [one.version for one in await log.append(STREAM, 2, EVENT, Metadata())] == [3]
    with pytest.raises(VersionConflict) as conflict:
        await other.append(STREAM, 1, EVENT, Metadata())
    assert conflict.value.actual == 3


async def test_a_fenced_append_beside_a_stale_head_misleads_nobody(log: EventLog, other: EventLog) -> None:
    stale = await log.raise_fence("f")
    await log.raise_fence("f")
    await log.append(STREAM, 0, EVENT, Metadata())
    await other.append(STREAM, 1, EVENT, Metadata())
    results = await asyncio.gather(
        log.append(STREAM, 1, EVENT, Metadata(), fence=stale),
        log.append(STREAM, 2, EVENT, Metadata()),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Fenced, list]


async def test_after_a_failed_batch_heads_are_read(log: EventLog, other: EventLog, reads: list[str]) -> None:
    await other.append(STREAM, 0, EVENT, Metadata())
    with pytest.raises(VersionConflict):
        await log.append(STREAM, 0, EVENT, Metadata())
    await log.append("money.purse-b", 0, EVENT, Metadata())
    assert reads == [STREAM, "money.purse-b"]


async def test_after_another_connection_heads_are_read(log: EventLog, reads: list[str]) -> None:
    await log.append(STREAM, 0, EVENT * 2, Metadata())
    before = log._recorder._connection
    assert before is not None
    await log.fetch("SELECT pg_terminate_backend($1)", before.get_server_pid())
    for _ in range(1500):
        if log._recorder._connection is not before and log.trouble() is None:
            break
        await asyncio.sleep(0.02)
    await log.fetch("DELETE FROM stored_events WHERE originator_version = 2")
    with pytest.raises(VersionConflict) as conflict:
        await log.append(STREAM, 2, EVENT, Metadata())
    assert (conflict.value.actual, reads) == (1, [STREAM])


async def test_kept_heads_are_bounded(log: EventLog, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventlog.heads.LIMIT", 2)
    for name in "abc":
        await log.append(f"money.purse-{name}", 0, EVENT, Metadata())
    for name in "cba":
        await log.append(f"money.purse-{name}", 1, EVENT, Metadata())
    assert reads == ["money.purse-a"]
