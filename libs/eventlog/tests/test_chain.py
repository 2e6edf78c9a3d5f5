import asyncio
from decimal import Decimal

import pytest
from contracts.message import Metadata
from eventlog.log import EventLog
from eventlog.recorded import Verified
from purse_domain import CoinsPut

STREAM = "money.purse-a"


async def fill(log: EventLog) -> None:
    for version in range(0, 6, 2):
        await log.append(STREAM, version, [CoinsPut(amount=Decimal(n)) for n in (1, 2)], Metadata(traceparent="00-1"))


async def test_an_untouched_stream_is_intact(log: EventLog) -> None:
    await fill(log)
    assert await log.verify(STREAM) == Verified(STREAM, 6, None)
    assert (await log.verify(STREAM)).intact


async def test_appends_to_one_stream_in_one_batch_are_chained(log: EventLog) -> None:
    await asyncio.gather(*(log.append(STREAM, n, [CoinsPut(amount=Decimal(n))], Metadata()) for n in range(5)))
    assert await log.verify(STREAM) == Verified(STREAM, 5, None)


@pytest.mark.parametrize(
    ("change", "broken_at"),
    [
        ('UPDATE stored_events SET state = \'{"amount": "9"}\' WHERE originator_version = 3', 3),
        ("UPDATE stored_events SET topic = 'CoinsTaken' WHERE originator_version = 1", 1),
        ("UPDATE stored_events SET actor = 'eve' WHERE originator_version = 2", 2),
        ("UPDATE stored_events SET causation_id = NULL WHERE originator_version = 2", 2),
        ("UPDATE stored_events SET recorded_at = recorded_at + interval '1 microsecond' WHERE originator_version = 6", 6),
        ("UPDATE stored_events SET hash = sha256('x') WHERE originator_version = 4", 4),
        ("DELETE FROM stored_events WHERE originator_version = 5", 5),
        ("UPDATE stored_events SET originator_id = 'money.purse-b' WHERE originator_version < 3", 1),
    ],
)
async def test_tampering_is_found_where_it_happened(log: EventLog, change: str, broken_at: int) -> None:
    await fill(log)
    await log.fetch(change)
    assert (await log.verify(STREAM)).broken_at == broken_at
