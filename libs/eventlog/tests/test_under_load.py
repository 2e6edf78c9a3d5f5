"""Several processes, a reader behind them, and things that die."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.execute import execute, load
from eventlog.log import EventLog
from eventlog.recorded import FeedPosition, Recorded
from hummingbus.embedded.ports import free_port
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import running, unprivileged_user
from purse_domain import CONTEXT, PURSE, Purse, PursesView, PutCoins

WRITER = Path(__file__).parent / "hammer_writer.py"


async def writer(url: str, name: str, writers: int, seconds: float) -> asyncio.subprocess.Process:
    """A started writer process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), url, name, str(writers), str(seconds), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"
    return process


async def outcome(process: asyncio.subprocess.Process) -> Counter[str]:
    """What a writer counted."""
    out, _ = await process.communicate()
    assert process.returncode == 0
    return Counter(json.loads(out))


async def tail(log: EventLog, until: asyncio.Event) -> list[Recorded]:
    """Follow the feed until `until` is set and the feed is empty."""
    seen: list[Recorded] = []
    position = FeedPosition()
    while True:
        last = until.is_set()
        page = await log.feed(position, 500)
        seen += page
        if page:
            position = FeedPosition.of(page[-1])
        elif last:
            return seen
        else:
            await asyncio.sleep(0.002)


async def whole_pairs(log: EventLog) -> int:
    """The number of events, after checking that no append is there by half and views agree with events."""
    seen = await log.feed(FeedPosition(), 1_000_000)
    by_command = Counter(one.metadata.causation_id for one in seen)
    assert set(by_command.values()) <= {2}
    by_stream = Counter(one.stream for one in seen)
    found = await log.fetch(
        "SELECT purse, coins::bigint, (SELECT count(*) FROM movements m WHERE m.purse = p.purse) FROM purses p"
    )
    assert {stream: (coins, movements) for stream, coins, movements in found} == {k: (n, n) for k, n in by_stream.items()}
    for stream in list(by_stream)[:10]:
        assert (await log.verify(stream)).intact
    return len(seen)


async def test_a_tailing_reader_misses_nothing(log: EventLog, database_url: str) -> None:
    done = asyncio.Event()
    processes = [await writer(database_url, name, 8, 2.5) for name in "ab"]
    reading = asyncio.create_task(tail(log, done))
    told = sum([await outcome(process) for process in processes], Counter())
    done.set()
    seen = await reading

    assert told["confirmed"] > 20
    assert len(seen) == 2 * told["confirmed"] == await whole_pairs(log)
    order = [(one.tx, one.position) for one in seen]
    assert order == sorted(set(order))
    versions: dict[str, list[int]] = defaultdict(list)
    for one in seen:
        versions[one.stream].append(one.version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


async def test_a_killed_writer_leaves_no_half_append(log: EventLog, database_url: str) -> None:
    for round_ in range(2):
        process = await writer(database_url, f"k{round_}", 8, 60)
        await asyncio.sleep(0.4)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await whole_pairs(log) > 0


@contextmanager
def own_cluster() -> Iterator[tuple[PostgresCluster, Path]]:
    """A directory and a durable cluster of a test's own, not started."""
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-eventlog-"))
    directory.chmod(0o755)
    yield PostgresCluster(directory / "postgres", free_port(), "throw-away", unprivileged_user()), directory
    shutil.rmtree(directory, ignore_errors=True)


async def test_postgres_killed_under_load_comes_back_without_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventlog.recorder.PATIENCE_SECONDS", 1.0)
    with own_cluster() as (cluster, directory):
        with running(cluster.program(), directory / "log") as server:
            log = EventLog(cluster.url(), context=CONTEXT, views=[PursesView()])
            await log.start()
            process = await writer(cluster.url(), "p", 8, 2.5)
            confirmed: dict[Metadata, PutCoins] = {}
            unknown: dict[Metadata, PutCoins] = {}
            putting = asyncio.create_task(put_until_unavailable(log, confirmed, unknown))
            await asyncio.sleep(0.7)
            server.kill()
            await putting
        await becomes(log, healthy=False)
        with pytest.raises(Unavailable):
            await log.read("money.purse-a")
        with pytest.raises(Unavailable):
            await log.append("money.purse-a", 0, [], Metadata())
        with running(cluster.program(), directory / "log"):
            told = await outcome(process)
            await becomes(log, healthy=True)
            for metadata, command in {**unknown, **confirmed}.items():
                again = await execute(log, PURSE, "money.purse-mine", command, metadata)
                assert again.repeated or metadata in unknown
            total = sum((command.amount for command in {**unknown, **confirmed}.values()), Decimal(0))
            assert (await load(log, PURSE, "money.purse-mine"))[0] == Purse(total, len(unknown) + len(confirmed))
            assert unknown
            assert confirmed
            assert told["confirmed"] > 0
            await log.fetch("DELETE FROM stored_events WHERE originator_id = 'money.purse-mine'")
            await log.replay(log.views[0])
            assert 2 * told["confirmed"] <= await whole_pairs(log) <= 2 * (told["confirmed"] + told["unknown"])
            await log.stop()


async def becomes(log: EventLog, *, healthy: bool) -> None:
    """Wait until the log, without being asked for anything, finds its database or misses it."""
    for _ in range(500):
        if (log.trouble() is None) is healthy:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(log.trouble())


async def put_until_unavailable(log: EventLog, confirmed: dict[Metadata, PutCoins], unknown: dict[Metadata, PutCoins]) -> None:
    """Execute commands one by one until the database goes away; remember which are stored and which may be."""
    while not unknown:
        metadata, command = Metadata(), PutCoins(amount=Decimal(len(confirmed) + 1))
        try:
            await execute(log, PURSE, "money.purse-mine", command, metadata)
            confirmed[metadata] = command
        except Unavailable:
            unknown[metadata] = command
