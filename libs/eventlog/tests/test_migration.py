"""Revisions up and down, on data: events and rows survive, views are what the events say."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from contracts.message import Metadata
from eventlog import migration
from eventlog.database import Connection
from eventlog.errors import DownRefused, SchemaNewer
from eventlog.history import LOG, History
from eventlog.log import EventLog
from eventlog.schema import Schema
from purse_domain import CONTEXT, CoinsPut, CoinsTaken, PursesView

MIGRATIONS = Path(__file__).parent / "migrations"
STREAM = "money.purse-a"
NOTES = sa.MetaData()
sa.Table("notes", NOTES, sa.Column("id", sa.Integer, primary_key=True), sa.Column("memo", sa.Text, nullable=False),
         sa.Column("length", sa.Integer, nullable=False))  # fmt: skip


def make_log(database_url: str, migrations: Path = MIGRATIONS) -> EventLog:
    return EventLog(database_url, context=CONTEXT, views=[PursesView()], tables=[NOTES], migrations=migrations)


@pytest.fixture
async def filled(database_url: str) -> str:
    """The URL of a database at the newest revision, with events, view rows and notes; nothing runs on it."""
    log = make_log(database_url)
    await log.start()
    await log.append(STREAM, 0, [CoinsPut(amount=Decimal("1.50")), CoinsTaken(amount=Decimal(1))], Metadata())
    await log.append("money.purse-b", 0, [CoinsPut(amount=Decimal(7))], Metadata())
    await log.fetch("INSERT INTO notes VALUES (1, 'four', 4), (2, '', 0)")
    await log.stop()
    return database_url


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[Connection]:
    """A connection of an operator to the filled database."""
    connection = await asyncpg.connect(filled, server_settings={"search_path": CONTEXT})
    yield connection
    await connection.close()


async def state(connection: Connection) -> dict[str, list[asyncpg.Record]]:
    """Everything that must survive: events with their hashes, notes, and what the view makes of the events."""
    tables = {"stored_events": "tx, notification_id", "purses": "purse", "movements": "purse, version", "notes": "id"}
    return {table: await connection.fetch(f"TABLE {table} ORDER BY {order}") for table, order in tables.items()}


async def test_logs_of_several_contexts_start_together_in_one_process(database_url: str) -> None:
    logs = [EventLog(database_url, context=f"context{number}") for number in range(4)]
    try:
        await asyncio.gather(*(log.start() for log in logs))
        for log in logs:
            assert [each.pending for each in await migration.standings(log.schema)] == [()]
    finally:
        await asyncio.gather(*(log.stop() for log in logs))


async def restarted(database_url: str) -> None:
    """Start and stop the newest code; every row of its view must be what a replay makes."""
    log = make_log(database_url)
    await log.start()
    assert (await log.replay(log.views[0])).identical
    assert (await log.verify_all()).intact
    await log.stop()


async def heads(connection: Connection) -> tuple[str, str]:
    row = await connection.fetchrow("SELECT (TABLE log_version), (TABLE schema_version)")
    assert row is not None
    return tuple(row)


async def test_an_empty_database_comes_to_what_the_code_defines(database_url: str) -> None:
    log = make_log(database_url)
    assert [each.at for each in await migration.standings(log.schema)] == [None, None]
    assert await migration.differences(log.schema) == []
    await log.start()
    assert [each.pending for each in await migration.standings(log.schema)] == [(), ()]
    await log.stop()


async def test_a_table_that_no_revision_makes_is_told(database_url: str) -> None:
    forgotten = sa.MetaData()
    sa.Table("forgotten", forgotten, sa.Column("id", sa.Integer, primary_key=True))
    log = EventLog(database_url, context=CONTEXT, views=[PursesView()], tables=[NOTES, forgotten], migrations=MIGRATIONS)
    [told] = await migration.differences(log.schema)
    assert "forgotten" in told


@pytest.mark.parametrize("revision", ["money_0001", "log_0001"])
async def test_every_revision_down_and_up_keeps_the_data(filled: str, connection: Connection, revision: str) -> None:
    before = await state(connection)
    await migration.down(make_log(filled).schema, revision)
    assert revision in await heads(connection)
    assert await connection.fetch("SELECT id, memo FROM notes ORDER BY id") == [(1, "four"), (2, "")]
    assert await connection.fetchval("SELECT count(*) FROM purses") == 2
    await connection.reload_schema_state()
    await restarted(filled)
    assert await heads(connection) == ("log_0002", "money_0002")
    assert await state(connection) == before


async def test_a_database_of_the_time_before_revisions_is_taken_over(filled: str, connection: Connection) -> None:
    before = await state(connection)
    for revision in ("money_0001", "log_0001"):
        await migration.down(make_log(filled).schema, revision)
    # As that code left it; one of its views is older still, and one it no longer has.
    await connection.execute("DROP TABLE log_version, schema_version")
    await connection.execute("ALTER TABLE purses ADD COLUMN memo text")
    await connection.execute('CREATE TABLE "An old view\'s" (id integer)')
    await connection.execute("UPDATE view_definitions SET fingerprint = 'old', tables = '{purses,movements}'")
    await connection.execute("INSERT INTO view_definitions VALUES ('gone', 'old', ARRAY['An old view''s'])")
    await restarted(filled)
    await connection.reload_schema_state()
    assert await state(connection) == before
    assert await heads(connection) == ("log_0002", "money_0002")
    assert await connection.fetchval("SELECT to_regclass($1)", '"An old view\'s"') is None
    assert await connection.fetch("TABLE made_views") == [("purses",)]


@pytest.mark.parametrize(("table", "revision"), [("schema_version", "money_0003"), ("log_version", "log_0099")])
async def test_a_newer_database_is_refused_with_the_remedy(
    filled: str, connection: Connection, table: str, revision: str
) -> None:
    before = await state(connection)
    await connection.execute(f"UPDATE {table} SET version_num = '{revision}'")  # noqa: S608
    with pytest.raises(SchemaNewer, match=rf"at revision {revision}.*up to \w+_0002.*migrate down.*backup"):
        await make_log(filled).start()
    with pytest.raises(SchemaNewer):
        await migration.up(make_log(filled).schema)
    assert await state(connection) == before


async def test_replicas_that_start_together_on_an_old_database_take_turns(filled: str, connection: Connection) -> None:
    before = await state(connection)
    await migration.down(make_log(filled).schema, "money_0001")
    logs = [make_log(filled) for _ in range(4)]
    await asyncio.gather(*(log.start() for log in logs))
    await asyncio.gather(*(log.stop() for log in logs))
    await connection.reload_schema_state()
    assert await state(connection) == before


async def test_a_revision_that_fails_leaves_everything_as_it_was(filled: str, connection: Connection, tmp_path: Path) -> None:
    migrations = shutil.copytree(MIGRATIONS, tmp_path / "with space, comma", ignore=shutil.ignore_patterns("__pycache__"))
    text = (MIGRATIONS / "money_0002_last_movement.py").read_text().replace("money_0002", "money_0003")
    text = text.replace("money_0001", "money_0002").replace("ADD COLUMN last jsonb NOT NULL", "ADD COLUMN again nonsense")
    (migrations / "money_0003_nonsense.py").write_text(text)
    before = await state(connection)
    with pytest.raises(asyncpg.UndefinedObjectError, match="nonsense"):
        await make_log(filled, migrations).start()
    assert await state(connection) == before
    assert await heads(connection) == ("log_0002", "money_0002")


async def test_down_is_refused_when_it_would_lose_events_or_leads_nowhere(
    filled: str, connection: Connection, tmp_path: Path
) -> None:
    migrations = shutil.copytree(MIGRATIONS, tmp_path / "careless", ignore=shutil.ignore_patterns("__pycache__"))
    file = migrations / "money_0002_last_movement.py"
    file.write_text(file.read_text().replace('"DROP INDEX movements_at"', '"DELETE FROM stored_events"'))
    before = await state(connection)
    schema = make_log(filled, migrations).schema
    for revision, why in {
        "money_0001": "would lose events",
        "money_0002": "not below money_0002",
        "base": "no revision base; there are log_0001, log_0002, money_0001, money_0002",
    }.items():
        with pytest.raises(DownRefused, match=why):
            await migration.down(schema, revision)
    assert await state(connection) == before


class Counting:
    """A connection that counts what is asked of it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked = 0

    async def fetch(self, sql: str) -> list[asyncpg.Record]:
        self.asked += 1
        return await self.connection.fetch(sql)


async def test_an_up_to_date_database_costs_one_query(
    filled: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unexpected(_schema: Schema) -> None:
        pytest.fail("the schema was up to date")

    monkeypatch.setattr(migration, "up", unexpected)
    counting = Counting(connection)
    await make_log(filled).schema.prepare(counting)  # type: ignore[arg-type]
    assert counting.asked == 1


def test_a_history_has_no_gap_and_no_branch(tmp_path: Path) -> None:
    (tmp_path / "money_0001_one.py").touch()
    (tmp_path / "money_0003_three.py").touch()
    with pytest.raises(ValueError, match="must be money_0001, money_0002; they are money_0001, money_0003"):
        assert History(CONTEXT, tmp_path, "schema_version").revisions
    assert LOG.revisions[0] == "log_0001"
