"""The tables of a service's schema: the log's own, those of its views and those it keeps beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from sqlalchemy import MetaData, Table
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable, DDLElement

from eventlog import rows
from eventlog.database import Connection
from eventlog.replay import replay_rows
from eventlog.statements import DIALECT, View

TABLES = f"""
CREATE TABLE IF NOT EXISTS {rows.EVENTS} (
  originator_id text COLLATE "C" NOT NULL,
  originator_version bigint NOT NULL CHECK (originator_version > 0),
  topic text NOT NULL,
  state bytea NOT NULL,
  notification_id bigint GENERATED ALWAYS AS IDENTITY,
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  message_id uuid NOT NULL,
  causation_id uuid,
  correlation_id uuid,
  actor text NOT NULL,
  traceparent text,
  recorded_at timestamptz NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT {rows.PLACE} PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX IF NOT EXISTS stored_events_feed ON {rows.EVENTS} (tx, notification_id);
CREATE INDEX IF NOT EXISTS stored_events_cause ON {rows.EVENTS} (causation_id);
CREATE TABLE IF NOT EXISTS {rows.SNAPSHOTS} (
  originator_id text COLLATE "C" PRIMARY KEY,
  originator_version bigint NOT NULL,
  topic text NOT NULL,
  state bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS {rows.FENCES} (
  name text COLLATE "C" PRIMARY KEY,
  token bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS {rows.DEFINITIONS} (
  name text COLLATE "C" PRIMARY KEY,
  fingerprint text NOT NULL,
  tables text[] NOT NULL
);
"""


def check_names(views: Sequence[View], tables: Sequence[MetaData]) -> None:
    """ValueError when two tables, or two views, of one service have the same name."""
    seen = set(rows.OWN_TABLES)
    for metadata in (*(view.metadata for view in views), *tables):
        for name in metadata.tables:
            if name in seen:
                msg = f"table {name} is defined twice"
                raise ValueError(msg)
            seen.add(name)
    if len({view.name for view in views}) < len(views):
        msg = "two views have the same name"
        raise ValueError(msg)


async def prepare(connection: Connection, schema: str, views: Sequence[View], tables: Sequence[MetaData]) -> None:
    """Create what is missing, in one transaction that replicas take turns at.

    A view whose tables changed since they were made is dropped and replayed. Tables that are no views of own events
    keep their rows and get columns that are new; any other change to them is up to the service.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"hummingbus.{schema}")
        # IF NOT EXISTS alone needs the right to create schemas even when there is one.
        if not await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema):
            await connection.execute(f'CREATE SCHEMA "{schema}"')
        await connection.execute(TABLES)
        await _check_transactions(connection)
        for metadata in tables:
            await _create(connection, metadata.sorted_tables)
            await _add_columns(connection, metadata.sorted_tables)
        for view in views:
            await _prepare_view(connection, view)


async def _check_transactions(connection: Connection) -> None:
    # After pg_dump and restore into a new cluster: transaction ids start again, so the feed would hide all that comes.
    sql = f"SELECT max(tx) FROM {rows.EVENTS} WHERE tx >= pg_snapshot_xmax(pg_current_snapshot())"  # noqa: S608
    if (ahead := await connection.fetchval(sql)) is not None:
        msg = (
            f"events come from a cluster that was ahead (transaction {ahead}): stop Postgres, run"
            f" `pg_resetwal --epoch={(ahead >> 32) + 1} <data directory>`, start it again"
        )
        raise RuntimeError(msg)


async def _prepare_view(connection: Connection, view: View) -> None:
    tables = view.metadata.sorted_tables
    fingerprint = sha256("\n".join(_definition(tables)).encode()).hexdigest()
    known = await connection.fetchrow(f"SELECT fingerprint, tables FROM {rows.DEFINITIONS} WHERE name = $1", view.name)  # noqa: S608
    if known is not None and known["fingerprint"] == fingerprint:
        return
    for name in known["tables"] if known is not None else ():
        await connection.execute(f"DROP TABLE IF EXISTS {_quoted(name)} CASCADE")
    await _create(connection, tables)
    await connection.execute(
        f"INSERT INTO {rows.DEFINITIONS} VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE"  # noqa: S608
        " SET fingerprint = excluded.fingerprint, tables = excluded.tables",
        view.name, fingerprint, [table.name for table in tables],
    )  # fmt: skip
    await replay_rows(connection, view)


def _definition(tables: Iterable[Table]) -> list[str]:
    """The statements that create tables and their indexes when they are missing."""
    statements: list[str] = []
    for table in tables:
        elements: list[DDLElement] = [CreateTable(table, if_not_exists=True)]
        elements += [CreateIndex(index, if_not_exists=True) for index in sorted(table.indexes, key=lambda one: str(one.name))]
        statements += [str(element.compile(dialect=DIALECT)) for element in elements]
    return statements


async def _create(connection: Connection, tables: Iterable[Table]) -> None:
    for statement in _definition(tables):
        await connection.execute(statement)


async def _add_columns(connection: Connection, tables: Iterable[Table]) -> None:
    sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    present = {(row["table_name"], row["column_name"]) for row in await connection.fetch(sql)}
    for table in tables:
        for column in table.columns:
            if (table.name, column.name) not in present:
                definition = CreateColumn(column).compile(dialect=DIALECT)
                await connection.execute(f"ALTER TABLE {_quoted(table.name)} ADD COLUMN {definition}")


def _quoted(name: str) -> str:
    return str(DIALECT.identifier_preparer.quote(name))
