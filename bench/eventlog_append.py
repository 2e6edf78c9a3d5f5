"""Appends a second of the event log: `python bench/eventlog_append.py [seconds a figure]`. Prints JSON.

A durable Postgres of its own (fsync on). `append` stores one event a command, `append_with_view` projects one row with it,
`execute_with_view` reads, folds, decides and appends (streams of up to 5 events, as an order has). The baseline is one
transaction an append with plain asyncpg on a pool. The library's own recorder needs psycopg, which the workspace does not
install; in the measurements behind the ADR it made about 650 commands a second from asyncio, whatever the concurrency.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
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

CONCURRENCY = (1, 16, 64)
EVENT = OrderFilled.model_validate(
    {
        "order_id": "o1", "trade_id": "t1", "exchange_order_id": "e1", "account": "master_account", "connector": "binance",
        "trading_pair": "BTC-USDT", "side": Side.BUY, "order_type": OrderType.LIMIT, "price": Decimal("64000.12"),
        "amount": Decimal("0.5"), "fee": Decimal("0.0005"), "fee_token": "BTC", "time": "2026-01-01T00:00:00Z",
    }
)  # fmt: skip
ALWAYS: Decider[int, Command, Event] = Decider(0, lambda _state, _command: (EVENT,), lambda state, _event: state + 1)


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
        columns = fill.model_dump(include={"account", "connector", "trading_pair", "side", "price", "amount", "fee"})
        return (self._row.bind(stream=recorded.stream, version=recorded.version, **columns),)


async def measure(one: Callable[[int, int], Awaitable[object]], concurrency: int, seconds: float) -> dict[str, float]:
    """Commands a second and their latencies, in ms, of `one(worker, n)` called by so many workers."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def work(worker: int) -> None:
        n = 0
        while (start := time.perf_counter()) < until:
            await one(worker, n)
            took.append(time.perf_counter() - start)
            n += 1

    cpu, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(concurrency)))
    elapsed = time.perf_counter() - start
    took.sort()
    return {
        "per_second": round(len(took) / elapsed),
        "p50_ms": round(1000 * took[len(took) // 2], 2),
        "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
        "client_cpu_us": round(1e6 * (time.process_time() - cpu) / len(took)),
    }


async def of_log(url: str, views: Sequence[FillsView], seconds: float, *, deciding: bool) -> dict[str, object]:
    """Figures of an event log by concurrency."""
    figures: dict[str, object] = {}
    log = EventLog(url, context="trading", views=views, pool_size=8)
    await log.start()
    for concurrency in CONCURRENCY:
        run = uuid4().hex[:8]

        async def append(worker: int, n: int, run: str = run) -> None:
            await log.append(f"trading.order-{run}_{worker}", n, [EVENT], Metadata())

        async def decide(worker: int, n: int, run: str = run) -> None:
            stream = f"trading.order-{run}_{worker}_{n // 5}"
            await execute(log, ALWAYS, stream, CreateAccount(account="a"), Metadata())

        figures[str(concurrency)] = await measure(decide if deciding else append, concurrency, seconds)
    await log.stop()
    return figures


async def of_baseline(url: str, seconds: float) -> dict[str, object]:
    """Figures of one transaction an append: the same row, without hash chain or view."""
    figures: dict[str, object] = {}
    pool = await asyncpg.create_pool(url, min_size=1, max_size=16)
    columns = "stream text, version bigint, topic text, state bytea, id bigserial, PRIMARY KEY (stream, version)"
    await pool.execute(f"CREATE TABLE events ({columns})")
    for concurrency in CONCURRENCY:
        run = uuid4().hex[:8]

        async def append(worker: int, n: int, run: str = run) -> None:
            state = EVENT.model_dump_json().encode()
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(
                    "INSERT INTO events (stream, version, topic, state) VALUES ($1, $2, $3, $4)",
                    f"trading.order-{run}_{worker}", n, "OrderFilled", state,
                )  # fmt: skip

        figures[str(concurrency)] = await measure(append, concurrency, seconds)
    await pool.close()
    return figures


async def figures(url: str, seconds: float) -> dict[str, object]:
    """All figures, by name and concurrency."""
    return {
        "baseline": await of_baseline(url, seconds),
        "append": await of_log(url, [], seconds, deciding=False),
        "append_with_view": await of_log(url, [FillsView()], seconds, deciding=False),
        "execute_with_view": await of_log(url, [FillsView()], seconds, deciding=True),
    }


def main(seconds: float) -> None:
    """Print the figures of a cluster of our own."""
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-bench-"))
    directory.chmod(0o755)
    try:
        with embedded.running_postgres(directory, durable=True) as cluster:
            found = {"postgres": cluster.version(), **uvloop.run(figures(cluster.url(), seconds))}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
