"""Appends a second of the event log: `python -m bench.eventlog_append [seconds a figure]`.

A durable Postgres of its own (fsync on). `append` stores one event a command, `append_with_view` projects one row with it,
`execute_with_view` reads, folds, decides and appends (streams of up to 5 events, as an order has). The baselines of
`eventlog_baselines` run next to them; each figure is the best of `ROUNDS` interleaved runs. Processor time a command, of this
process and of all of Postgres, says the same on a busy machine.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import sqlalchemy as sa
import uvloop
from contracts.accounts import CreateAccount
from contracts.message import Command, Event, Metadata
from contracts.trading import OrderFilled, OrderType, Side
from eventlog.decider import Decider
from eventlog.execute import execute
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from hummingbus import embedded
from hummingbus.embedded.postgres import lock_file_lines

from bench import eventlog_baselines
from bench.processes import cpu_seconds
from bench.relay_lag import relay_lag
from bench.report import Figures, show, table

WRITERS = (1, 8, 32)
BATCH = 100
ROUNDS = 3
EVENT = OrderFilled.model_validate(
    {
        "order_id": "o1", "trade_id": "t1", "exchange_order_id": "e1", "account": "master_account", "connector": "binance",
        "trading_pair": "BTC-USDT", "side": Side.BUY, "order_type": OrderType.LIMIT, "price": Decimal("64000.12"),
        "amount": Decimal("0.5"), "fee": Decimal("0.0005"), "fee_token": "BTC", "time": "2026-01-01T00:00:00Z",
    }
)  # fmt: skip
ALWAYS: Decider[int, Command, Event] = Decider(0, lambda _state, _command: (EVENT,), lambda state, _event: state + 1)
COMMAND = CreateAccount(account="master_account")


class FillsView:
    """One row an event."""

    name = "fills"

    def __init__(self) -> None:
        self.metadata = sa.MetaData()
        text = [sa.Column(name, sa.String) for name in ("account", "connector", "trading_pair", "side")]
        numbers = [sa.Column(name, sa.Numeric) for name in ("price", "amount", "fee")]
        keys: list[sa.Column[Any]] = [
            sa.Column("stream", sa.String, primary_key=True),
            sa.Column("version", sa.BigInteger, primary_key=True),
        ]
        columns: list[sa.Column[Any]] = [*keys, *text, *numbers]
        self._row = Statement(sa.insert(sa.Table("fills", self.metadata, *columns)))

    def project(self, recorded: Recorded) -> Sequence[Write]:
        fill = recorded.event
        if not isinstance(fill, OrderFilled):
            return ()
        row = self._row.bind(
            stream=recorded.stream, version=recorded.version, account=fill.account, connector=fill.connector,
            trading_pair=fill.trading_pair, side=fill.side, price=fill.price, amount=fill.amount, fee=fill.fee,
        )  # fmt: skip
        return (row,)


async def measure(
    one: Callable[[int, int], Awaitable[object]], *, concurrency: int, seconds: float, postgres: int
) -> dict[str, float]:
    """Commands a second and their latencies, in ms, of `one(worker, n)` called by so many workers.

    Processor time a command, in us: this process's, and that of the Postgres whose process id is given.
    """
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def work(worker: int) -> None:
        n = 0
        while (start := time.perf_counter()) < until:
            await one(worker, n)
            took.append(time.perf_counter() - start)
            n += 1

    processes = {"postgres": postgres}
    server, cpu, start = cpu_seconds(processes)["postgres"], time.process_time(), time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(concurrency)))
    elapsed = time.perf_counter() - start
    took.sort()
    return {
        "per_second": round(len(took) / elapsed),
        "p50_ms": round(1000 * took[len(took) // 2], 2),
        "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
        "client_cpu_us": round(1e6 * (time.process_time() - cpu) / len(took)),
        "postgres_cpu_us": round(1e6 * (cpu_seconds(processes)["postgres"] - server) / len(took)),
    }


async def of_log(
    url: str, views: Sequence[FillsView], clocked: eventlog_baselines.Measure, *, deciding: bool
) -> dict[str, float]:
    """Figures of an event log."""
    log = EventLog(url, context="trading", views=views, pool_size=8)
    await log.start()
    run = uuid4().hex[:8]

    async def append(worker: int, n: int) -> None:
        await log.append(f"trading.order-{run}_{worker}", n, [EVENT], Metadata())

    async def decide(worker: int, n: int) -> None:
        await execute(log, ALWAYS, f"trading.order-{run}_{worker}_{n // 5}", COMMAND, Metadata(), new=n % 5 == 0)

    found = await clocked(decide if deciding else append)
    await log.stop()
    return found


async def of_batches(url: str, clocked: eventlog_baselines.Measure) -> dict[str, float]:
    """Events a second, appended BATCH at a time; the other figures are those of a whole batch."""
    log = EventLog(url, context="trading", pool_size=8)
    await log.start()
    run = uuid4().hex[:8]

    async def append(worker: int, n: int) -> None:
        await log.append(f"trading.batch-{run}_{worker}", n * BATCH, [EVENT] * BATCH, Metadata())

    found = await clocked(append)
    await log.stop()
    return {**found, "per_second": found["per_second"] * BATCH}


async def of_relay(cluster: embedded.PostgresCluster, nats_url: str, seconds: float) -> dict[str, float]:
    """The lag of the relay behind a log of its own."""
    url = cluster.url("relay")
    connection = await asyncpg.connect(cluster.url())
    await connection.execute("CREATE DATABASE relay")
    await connection.close()
    log = EventLog(url, context="trading")
    await log.start()
    found = await relay_lag(log, nats_url, [EVENT], rate=200, seconds=seconds)
    await log.stop()
    return found


async def figures(cluster: embedded.PostgresCluster, nats_url: str, seconds: float) -> Figures:
    """All figures: by name, then by number of writers."""
    url, state = cluster.url(), EVENT.model_dump_json().encode()
    clock = partial(measure, seconds=seconds, postgres=int(lock_file_lines(cluster.data)[0]))
    best: Figures = {}
    for _ in range(ROUNDS):
        for writers in WRITERS:
            clocked = partial(clock, concurrency=writers)
            runs = {
                "library recorder": eventlog_baselines.library(url, state, clocked, writers),
                "raw transactions": eventlog_baselines.transactions(url, state, clocked),
                "raw group commit": eventlog_baselines.group_commit(url, state, clocked),
                "raw same rows": eventlog_baselines.same_rows(url, state, clocked),
                "append": of_log(url, [], clocked, deciding=False),
                "append_with_view": of_log(url, [FillsView()], clocked, deciding=False),
                "execute_with_view": of_log(url, [FillsView()], clocked, deciding=True),
            }
            for name, run in runs.items():
                keep(best.setdefault(name, {}), str(writers), await run)
        keep(best, "events_in_batches", await of_batches(url, partial(clock, concurrency=8)))
    best["relay_lag"] = await of_relay(cluster, nats_url, max(seconds, 3))
    return best


def keep(best: Figures, name: str, found: dict[str, float]) -> None:
    """Keeps the run with the most commands a second."""
    if name not in best or found["per_second"] > best[name]["per_second"]:
        best[name] = found


def measured(seconds: float = 1.0) -> Figures:
    """The figures of servers of our own."""
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-bench-"))
    directory.chmod(0o755)
    try:
        with embedded.running_postgres(directory, durable=True) as cluster, embedded.running_nats(directory) as nats_url:
            return {"postgres": cluster.version(), **uvloop.run(figures(cluster, nats_url, seconds))}
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def tables(found: Figures) -> str:
    """The figures as Markdown."""
    by_writers = {name: each for name, each in found.items() if isinstance(each, dict) and str(WRITERS[-1]) in each}
    rows = [
        (
            name,
            *(each[str(writers)][figure] for writers in WRITERS for figure in ("per_second", "p99_ms")),
            *(each[str(WRITERS[-1])].get(figure) for figure in ("client_cpu_us", "postgres_cpu_us")),
        )
        for name, each in by_writers.items()
    ]
    columns = [f"{unit}, {writers} writers" for writers in WRITERS for unit in ("a second", "p99 ms")]
    columns += [f"{whose} cpu us a command, {WRITERS[-1]} writers" for whose in ("client", "postgres")]
    most = {name: each[str(WRITERS[-1])]["per_second"] for name, each in by_writers.items()}
    view, relay = most["append_with_view"], found["relay_lag"]
    shares = {
        name: [f"{100 * most[name] / most[raw]:.0f} %" for raw in ("raw group commit", "raw same rows")]
        for name in ("append_with_view", "append")
    }
    text = (
        f"Postgres {found['postgres']} with fsync. Of a raw group-committed insert, with {WRITERS[-1]} writers: an append with "
        f"an own view is {shares['append_with_view'][0]} of one of four columns and {shares['append_with_view'][1]} of one of "
        f"the log's own rows, ready made, into its own table; an append without a view {shares['append'][0]} and "
        f"{shares['append'][1]}. With a view it is {view / most['library recorder']:.1f} times the library's recorder. A "
        f"command that also reads and decides: {most['execute_with_view']:,} a second. In batches of {BATCH}: "
        f"{found['events_in_batches']['per_second']:,} events a second. Relay, at {relay['events_per_second']:g} events a "
        f"second: p50 {relay['p50_ms']} ms, p99 {relay['p99_ms']} ms from recorded to the subscriber."
    )
    return f"{text}\n\n{table(('', *columns), rows)}"


if __name__ == "__main__":
    result = measured(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    show(result, tables(result))
