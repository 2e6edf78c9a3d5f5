import asyncio
from decimal import Decimal

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
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
    assert not (await log.verify_all()).intact


async def test_all_chains_are_checked_in_one_pass(log: EventLog) -> None:
    for name in ("c", "a", "b"):
        for version in range(3):
            await log.append(f"money.purse-{name}", version, [CoinsPut(amount=Decimal(1))], Metadata())
    whole = await log.verify_all()
    assert (whole.streams, whole.events, whole.bad_streams, whole.intact) == (3, 9, 0, True)
    await log.fetch("UPDATE stored_events SET state = '{}' WHERE originator_id = 'money.purse-a' AND originator_version = 2")
    await log.fetch("DELETE FROM stored_events WHERE originator_id = 'money.purse-c' AND originator_version = 1")
    broken = await log.verify_all()
    assert (broken.streams, broken.events, broken.bad_streams) == (3, 8, 2)
    assert broken.first_bad is not None
    # The stream c was written first, so its damage is the earliest of the log.
    assert (broken.first_bad.stream, broken.first_bad.version) == ("money.purse-c", 2)
    assert broken.first_bad.why == "version 1 is missing before it"


async def test_an_attached_log_reads_and_does_not_append(log: EventLog, database_url: str) -> None:
    await fill(log)
    beside = EventLog(database_url, context="money")
    await beside.attach()
    assert len(await beside.read(STREAM)) == 6
    with pytest.raises(Unavailable):
        await beside.append(STREAM, 6, [CoinsPut(amount=Decimal(1))], Metadata())
    assert (await beside.verify_all()).intact
    await beside.stop()
