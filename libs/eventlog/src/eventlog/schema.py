"""The tables of a service's schema: the log's own, those of its views and those it keeps beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from sqlalchemy import MetaData

from eventlog import rows
from eventlog.database import Connection, Database
from eventlog.history import LOG, History
from eventlog.statements import View


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


@dataclass(frozen=True)
class Standing:
    """How far one history of a schema has come: the revision it is `at` (None: before the first) and those still to run."""

    history: str
    at: str | None
    pending: tuple[str, ...]


class Schema:
    """One service's schema: `prepare` brings it to what the code expects.

    `own` is the history of the service's tables. Without one they are made as they are defined, where missing, and never
    changed: for tests and measurements.
    """

    def __init__(self, database: Database, views: Sequence[View], tables: Sequence[MetaData], own: History | None) -> None:
        check_names(views, tables)
        self.database = database
        self.views = tuple(views)
        self.metadata = (*(view.metadata for view in views), *tables)
        self.own = own

    @property
    def histories(self) -> tuple[History, ...]:
        """In the order their revisions run."""
        return (LOG, self.own) if self.own is not None and self.own.revisions else (LOG,)

    async def prepare(self, connection: Connection) -> None:
        """Bring the schema up to date; one query when it is.

        Raises SchemaNewer; RuntimeError for events of another cluster; what the database says about a revision that fails.
        """
        if not await self._is_current(connection):
            # Alembic costs a quarter of a second to import, which almost no start needs.
            from eventlog import migration

            await migration.up(self)

    async def _is_current(self, connection: Connection) -> bool:
        if self.own is None:
            return False
        versions = ", ".join(f"(TABLE {history.table}) AS {history.table}" for history in self.histories)
        sql = f"SELECT {versions}, ARRAY(TABLE {rows.MADE_VIEWS}) AS made, ({AHEAD}) AS ahead"
        try:
            [state] = await connection.fetch(sql)
        except asyncpg.UndefinedTableError:
            return False
        pending = [history.pending(state[history.table]) for history in self.histories]
        refuse_foreign_cluster(state["ahead"])
        return not any(pending) and {view.name for view in self.views} <= set(state["made"])


AHEAD = f"SELECT max(tx) FROM {rows.EVENTS} WHERE tx >= pg_snapshot_xmax(pg_current_snapshot())"  # noqa: S608
"""The latest transaction among the events when it is one that this cluster has not come to yet."""


def refuse_foreign_cluster(ahead: int | None) -> None:
    """RuntimeError when there is one: after pg_dump and restore into a new cluster the feed would hide all that comes."""
    if ahead is not None:
        msg = (
            f"events come from a cluster that was ahead (transaction {ahead}): stop Postgres, run"
            f" `pg_resetwal --epoch={(ahead >> 32) + 1} <data directory>`, start it again"
        )
        raise RuntimeError(msg)
