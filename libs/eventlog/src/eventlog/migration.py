"""Moving a schema through its revisions with Alembic, all in one transaction that replicas take turns at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from eventlog import rows
from eventlog.database import Connection
from eventlog.errors import DownRefused
from eventlog.history import History
from eventlog.replay import replay_rows
from eventlog.schema import AHEAD, Schema, Standing, refuse_foreign_cluster

_EVENTS = f"SELECT count(*), max(tx)::text, max(notification_id) FROM {rows.EVENTS}"  # noqa: S608 - constants
_ALEMBIC = Lock()
"""Alembic keeps the connection it works on in its module: two logs that one process brings up would write on each other's."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


@dataclass(frozen=True)
class _Session:
    """One connection inside a transaction, as SQLAlchemy and as asyncpg has it."""

    alchemy: AsyncConnection
    driver: Connection


@asynccontextmanager
async def _turn() -> AsyncIterator[None]:
    """Alembic for nobody else in this process, in whichever thread and loop."""
    while not _ALEMBIC.acquire(blocking=False):  # noqa: ASYNC110 - of several loops
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        _ALEMBIC.release()


@asynccontextmanager
async def _exclusive(schema: Schema) -> AsyncIterator[_Session]:
    """The transaction in which the schema is changed; another replica that wants to waits. Raises asyncpg's errors."""
    database = schema.database
    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: database.connect(statement_seconds=None)
    )
    try:
        async with _turn(), engine.begin() as alchemy:
            await alchemy.execute(_LOCK, {"key": f"hummingbus.{database.schema}"})
            yield _Session(alchemy, cast("Connection", (await alchemy.get_raw_connection()).driver_connection))
    except DBAPIError as error:
        cause = None if error.orig is None else error.orig.__cause__
        raise cause or error from error
    finally:
        await engine.dispose()


async def up(schema: Schema) -> None:
    """Run every revision that is missing, then make the rows of views that are new or that a revision named.

    An empty database and one of the time before revisions are brought up too. Raises SchemaNewer; RuntimeError for events of a
    foreign cluster; what the database says about a revision that fails. Nothing is changed then.
    """
    async with _exclusive(schema) as session:
        await _run_pending(session, schema)
        refuse_foreign_cluster(await session.driver.fetchval(AHEAD))
        if schema.own is None:
            await session.alchemy.run_sync(_make_tables, schema.metadata)
        await _make_views(session.driver, schema)


async def standings(schema: Schema) -> list[Standing]:
    """How far each history has come, changing nothing. Raises SchemaNewer."""
    connection = await schema.database.connect()
    try:
        found = [(history, await _at(connection, history)) for history in schema.histories]
    finally:
        await connection.close()
    return [Standing(history.name, at, history.pending(at)) for history, at in found]


async def down(schema: Schema, revision: str) -> None:
    """Go back to an older revision of the history it belongs to, for an older version of the software.

    Raises DownRefused when there is no such revision below the present one, or when events would be lost; SchemaNewer.
    """
    history = next((history for history in schema.histories if revision in history.revisions), None)
    if history is None:
        known = ", ".join(each for history in schema.histories for each in history.revisions)
        raise DownRefused(f"there is no revision {revision}; there are {known}")
    async with _exclusive(schema) as session:
        at = await _at(session.driver, history)
        below = history.revisions[: len(history.revisions) - len(history.pending(at)) - 1]
        if revision not in below:
            raise DownRefused(f"{revision} is not below {at}, where the {history.name} tables are")
        before = await session.driver.fetchrow(_EVENTS)
        await session.alchemy.run_sync(_downgrade, history, revision)
        if await session.driver.fetchrow(_EVENTS) != before:
            raise DownRefused(f"going down to {revision} would lose events")


async def differences(schema: Schema) -> list[str]:
    """Run the missing revisions; then what Alembic finds different between the tables and their definitions in the code."""
    async with _exclusive(schema) as session:
        await _run_pending(session, schema)
        return await session.alchemy.run_sync(_differences, schema.metadata)


async def draft(schema: Schema, message: str) -> str:
    """Run the missing revisions, then write the next one's file out of what is different in the code; its path."""
    if schema.own is None:
        msg = f"{schema.database.schema} has no history"
        raise ValueError(msg)
    async with _exclusive(schema) as session:
        await _run_pending(session, schema)
        return await session.alchemy.run_sync(_draft, schema.own, schema.metadata, message)


async def _run_pending(session: _Session, schema: Schema) -> None:
    # IF NOT EXISTS alone needs the right to create schemas even when there is one.
    name = schema.database.schema
    if not await session.driver.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", name):
        await session.driver.execute(f'CREATE SCHEMA "{name}"')
    for history in schema.histories:
        if history.pending(await _at(session.driver, history)):
            await session.alchemy.run_sync(_upgrade, history)


async def _at(connection: Connection, history: History) -> str | None:
    if not await connection.fetchval("SELECT to_regclass($1)", f'"{history.table}"'):
        return None
    return cast("str | None", await connection.fetchval(f"SELECT version_num FROM {history.table}"))  # noqa: S608 - ours


async def _make_views(connection: Connection, schema: Schema) -> None:
    names = [view.name for view in schema.views]
    await connection.execute(f"DELETE FROM {rows.MADE_VIEWS} WHERE name <> ALL($1)", names)  # noqa: S608 - a constant
    made = {row["name"] for row in await connection.fetch(f"SELECT name FROM {rows.MADE_VIEWS}")}  # noqa: S608
    for view in schema.views:
        if view.name not in made:
            await replay_rows(connection, view)
            await connection.execute(f"INSERT INTO {rows.MADE_VIEWS} VALUES ($1)", view.name)  # noqa: S608 - a constant


def _config(connection: SyncConnection, history: History, metadata: tuple[MetaData, ...] = ()) -> Config:
    config = Config()
    for name, value in {
        "script_location": str(history.environment()),
        "version_locations": str(history.directory),
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=history.table, comparison=_comparison(metadata))
    return config


def _upgrade(connection: SyncConnection, history: History) -> None:
    command.upgrade(_config(connection, history), "head")


def _downgrade(connection: SyncConnection, history: History, revision: str) -> None:
    command.downgrade(_config(connection, history), revision)


def _draft(connection: SyncConnection, history: History, metadata: tuple[MetaData, ...], message: str) -> str:
    config = _config(connection, history, metadata)
    made = command.revision(config, message, autogenerate=True, rev_id=history.following, version_path=str(history.directory))
    return str(cast("Any", made).path)


def _differences(connection: SyncConnection, metadata: tuple[MetaData, ...]) -> list[str]:
    context = MigrationContext.configure(connection, opts=_comparison(metadata))
    return [str(each) for each in compare_metadata(context, cast("Any", metadata))]


def _comparison(metadata: tuple[MetaData, ...]) -> dict[str, Any]:
    return {
        "target_metadata": metadata,
        "include_name": _is_of_service,
        "compare_type": True,
        "compare_server_default": True,
    }


def _is_of_service(name: str | None, kind: str, _parents: object) -> bool:
    """The log's own tables have no model to be compared with: their revisions are their only definition."""
    return kind != "table" or name not in rows.OWN_TABLES


def _make_tables(connection: SyncConnection, metadata: tuple[MetaData, ...]) -> None:
    for each in metadata:
        for table in each.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
