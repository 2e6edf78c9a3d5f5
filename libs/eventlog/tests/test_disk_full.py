"""A full disk under Postgres: a clear refusal, nothing stored by half, and on again when there is room."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.log import EventLog
from hummingbus import embedded
from purse_domain import CONTEXT, CoinsPut, PursesView

from tests.small_disk import mounted

PAIR = (CoinsPut(amount=Decimal(1)), CoinsPut(amount=Decimal(1)))
MANY = 3000


async def append_until_refused(log: EventLog, name: str) -> tuple[list[str], str]:
    """The streams that were stored, and the refusal of the first that was not. They come side by side, in batches."""
    stored: list[str] = []
    for first in range(0, MANY, 20):
        streams = [f"money.purse-{name}{first + n}" for n in range(20)]
        appends = (log.append(stream, 0, PAIR, Metadata()) for stream in streams)
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        stored += [stream for stream, outcome in zip(streams, outcomes, strict=True) if isinstance(outcome, list)]
        refusals = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if refusals:
            assert {type(refusal) for refusal in refusals} == {Unavailable}
            return stored, str(refusals[0])
    pytest.fail("the disk was never full")


async def test_a_full_disk_refuses_clearly_and_recovers() -> None:
    with mounted() as disk, embedded.running_postgres(disk.path, durable=True) as cluster:
        log = EventLog(cluster.url(), context=CONTEXT, views=[PursesView()])
        await log.start()
        await log.append("money.purse-first", 0, PAIR, Metadata())
        disk.fill()
        stored, refusal = await append_until_refused(log, "full")
        assert "disk is full" in refusal
        assert log.trouble() is None  # it still has its connection: a new one might be refused
        assert len(await log.read("money.purse-first")) == 2
        disk.free()
        await log.append("money.purse-last", 0, PAIR, Metadata())
        purses = await log.fetch("SELECT purse, coins::bigint FROM purses ORDER BY purse")
        assert [tuple(row) for row in purses] == [
            (stream, 2) for stream in sorted(["money.purse-first", *stored, "money.purse-last"])
        ]
        audit = await log.verify_all()
        assert audit.intact
        assert audit.events == 2 * len(purses)
        await log.stop()
