"""Every service's revisions: they make what its code defines, take over data of any age, and go down and up without loss.

`data/before_revisions.sql` is a pg_dump of an installation that traded on the sandbox before there were revisions.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import asyncpg
import pytest
from eventlog import migration, rows
from eventlog.database import Connection
from eventlog.digest import table_digest
from eventlog.log import EventLog
from sqlalchemy import Column, MetaData, Table

from tools.generate.services import bus_services
from tools.migration.__main__ import composed

BEFORE_REVISIONS = Path(__file__).parent / "data/before_revisions.sql"
DUMPED = ("accounts", "trading")
COLUMNS = """
SELECT table_name, column_name, data_type, udt_name, collation_name, column_default, is_nullable, generation_expression
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, column_name
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexdef"
# Not of triggers: only the revisions define them.
CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype <> 't' ORDER BY 1, 2
"""


def log_of(service: str, database_url: str) -> EventLog:
    log = composed(service, database_url).log
    assert log is not None
    return log


def owners() -> list[str]:
    """The services with tables."""
    return [service for service in bus_services() if composed(service, "postgresql://nowhere").log is not None]


async def connected(database_url: str, log: EventLog) -> Connection:
    return await asyncpg.connect(database_url, server_settings={"search_path": log.context})


async def described(database_url: str, log: EventLog) -> list[list[asyncpg.Record]]:
    """Columns, indexes and constraints as Postgres has them."""
    connection = await connected(database_url, log)
    try:
        return [await connection.fetch(sql) for sql in (COLUMNS, INDEXES, CONSTRAINTS)]
    finally:
        await connection.close()


async def columns_there(database_url: str, log: EventLog) -> set[tuple[str, str]]:
    """Table and name of every column."""
    return {(row["table_name"], row["column_name"]) for row in (await described(database_url, log))[0]}


async def digests(database_url: str, log: EventLog, only: Container[tuple[str, str]]) -> dict[str, str]:
    """The digest of these columns of every table of the service that is there, and the hashes of its events."""
    connection = await connected(database_url, log)
    try:
        async with connection.transaction():
            tables = [table for metadata in log.schema.metadata for table in metadata.sorted_tables]
            there = [each for each in tables if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", each.name)]
            found = {table.name: await table_digest(connection, _part(table, only)) for table in there}
            found[rows.EVENTS] = str(await connection.fetch(f"SELECT hash FROM {rows.EVENTS} ORDER BY hash"))  # noqa: S608
            return found
    finally:
        await connection.close()


def _part(table: Table, only: Container[tuple[str, str]]) -> Table:
    columns = [Column(c.name, c.type, primary_key=c.primary_key) for c in table.columns if (table.name, c.name) in only]
    return Table(table.name, MetaData(), *columns)


async def restarted(service: str, database_url: str) -> None:
    log = log_of(service, database_url)
    await log.start()
    assert (await log.verify_all()).intact
    assert all([(await log.replay(view)).identical for view in log.views])
    await log.stop()


@pytest.fixture
async def old_database(database_url: str) -> str:
    """The installation of the time before revisions."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(BEFORE_REVISIONS.read_text())
    for schema in DUMPED:
        # The dump comes from a cluster that had done a little more than ours.
        await connection.execute(f"UPDATE {schema}.stored_events SET tx = (tx::text::bigint - 700)::text::xid8")  # noqa: S608
    await connection.close()
    return database_url


@pytest.mark.parametrize("service", owners())
async def test_the_newest_revision_is_what_the_code_defines(service: str, database_url: str) -> None:
    log = log_of(service, database_url)
    assert await migration.differences(log.schema) == []
    by_revisions = await described(database_url, log)
    connection = await asyncpg.connect(database_url)
    await connection.execute(f'DROP SCHEMA "{log.context}" CASCADE')
    await connection.close()
    defined = EventLog(database_url, context=log.context, views=log.views, tables=log.schema.metadata[len(log.views) :])
    await defined.start()
    await defined.stop()
    by_code = await described(database_url, log)
    only_version = [[row for row in found if "schema_version" not in str(row)] for found in by_revisions]
    assert only_version == by_code


@pytest.mark.parametrize("service", DUMPED)
async def test_an_old_installation_is_taken_over_without_loss(service: str, old_database: str) -> None:
    log = log_of(service, old_database)
    columns = await columns_there(old_database, log)
    before = await digests(old_database, log, columns)
    assert before[rows.EVENTS].count("hash") >= 3
    await restarted(service, old_database)
    after = await digests(old_database, log, columns)
    assert {name: after[name] for name in before} == before
    assert await migration.differences(log.schema) == []


@pytest.mark.parametrize("service", DUMPED)
async def test_every_revision_goes_down_and_up_on_data(service: str, old_database: str) -> None:
    log = log_of(service, old_database)
    await migration.up(log.schema)
    columns = await columns_there(old_database, log)
    before = await digests(old_database, log, columns)
    for history in log.schema.histories:
        for revision in reversed(history.revisions[:-1]):
            await migration.down(log.schema, revision)
            await restarted(service, old_database)
            assert await digests(old_database, log, columns) == before
