"""What the log is compared with: plain asyncpg, one group-committed insert, and the `eventsourcing` library's recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from eventlog.database import Connection, new_id
from eventlog.log import EventLog
from eventlog.rows import EVENTS
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

type One = Callable[[int, int], Awaitable[object]]
type Measure = Callable[[One], Awaitable[dict[str, float]]]
type Row = tuple[object, ...]

TOPIC = "OrderFilled"


async def transactions(url: str, state: bytes, measure: Measure) -> dict[str, float]:
    """One transaction an append on a pool: the same row, without hash chain or view."""
    pool = await asyncpg.create_pool(url, min_size=1, max_size=16)
    table = await _table(pool)
    insert = f"INSERT INTO {table} (stream, version, topic, state) VALUES ($1, $2, $3, $4)"  # noqa: S608

    async def append(worker: int, n: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(insert, f"trading.order-{worker}", n, TOPIC, state)

    found = await measure(append)
    await pool.close()
    return found


async def group_commit(url: str, state: bytes, measure: Measure) -> dict[str, float]:
    """What waits is inserted by one statement in one transaction: four columns, the least a durable append can cost."""
    connection = await asyncpg.connect(url)
    table = await _table(connection)
    insert = f"INSERT INTO {table} (stream, version, topic, state) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])"  # noqa: S608, E501
    found = await _grouped(connection, insert, measure, lambda worker, n: (f"trading.order-{worker}", n, TOPIC, state))
    await connection.close()
    return found


async def same_rows(url: str, state: bytes, measure: Measure) -> dict[str, float]:
    """The same with every column, byte and index of the log's own table; ids, hash and JSON are there already."""
    log = EventLog(url, context="trading")
    await log.start()
    await log.stop()
    connection = await asyncpg.connect(url, server_settings={"search_path": "trading"})
    run, now, by, hash_ = uuid4().hex[:8], datetime.now(UTC), new_id(), bytes(range(32))
    columns = (
        "originator_id, originator_version, topic, state, message_id, causation_id, correlation_id, actor, traceparent, hash,"
        " recorded_at"
    )
    types = ("text", "bigint", "text", "bytea", "uuid", "uuid", "uuid", "text", "text", "bytea", "timestamptz")
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types, 1))
    insert = f"INSERT INTO {EVENTS} ({columns}) SELECT * FROM unnest({arrays})"  # noqa: S608
    # The id of each event has a place in no index: one for all costs the same.
    rest = TOPIC, state, new_id(), by, by, "system", None, hash_, now
    found = await _grouped(connection, insert, measure, lambda worker, n: (f"trading.order-{run}_{worker}", n + 1, *rest))
    await connection.close()
    return found


async def _grouped(connection: Connection, insert: str, measure: Measure, row: Callable[[int, int], Row]) -> dict[str, float]:
    """Whatever rows wait go in one insert, as soon as the one before is durable."""
    waiting: list[tuple[Row, asyncio.Future[None]]] = []
    arrived = asyncio.Event()

    async def write() -> None:
        while True:
            await arrived.wait()
            arrived.clear()
            taken, waiting[:] = waiting[:], []
            await connection.execute(insert, *map(list, zip(*(row for row, _ in taken), strict=True)))
            for _, done in taken:
                done.set_result(None)

    async def append(worker: int, n: int) -> None:
        done = asyncio.get_running_loop().create_future()
        waiting.append((row(worker, n), done))
        arrived.set()
        await done

    writer = asyncio.create_task(write())
    found = await measure(append)
    writer.cancel()
    return found


async def library(url: str, state: bytes, measure: Measure, writers: int) -> dict[str, float]:
    """The library's own recorder for Postgres; it blocks, so each writer has a thread and a connection."""
    place = urlsplit(url)
    datastore = PostgresDatastore(
        place.path.lstrip("/"), place.hostname or "", place.port or 5432, place.username or "", place.password or "",
        pool_size=writers, originator_id_type="text",
    )  # fmt: skip
    recorder = PostgresApplicationRecorder(datastore, events_table_name=f"library_{uuid4().hex[:8]}")
    recorder.create_table()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(writers) as threads:

        async def append(worker: int, n: int) -> None:
            event = StoredEvent(f"trading.order-{worker}", n, TOPIC, state)
            await loop.run_in_executor(threads, recorder.insert_events, [event])

        found = await measure(append)
    datastore.close()
    return found


async def _table(database: asyncpg.Pool[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]) -> str:
    name = f"raw_{uuid4().hex[:8]}"
    columns = "stream text, version bigint, topic text, state bytea, id bigserial, PRIMARY KEY (stream, version)"
    await database.execute(f"CREATE TABLE {name} ({columns})")
    return name
