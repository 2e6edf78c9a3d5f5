"""A view's rows, made again from the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete

from eventlog import rows
from eventlog.batch import run_writes
from eventlog.database import Connection
from eventlog.digest import table_digest
from eventlog.recorded import FeedPosition
from eventlog.statements import View, literal

PAGE = 1000
LOCK = f"LOCK TABLE {rows.EVENTS} IN SHARE MODE"


@dataclass(frozen=True)
class Replayed:
    """A view that was made again: from how many events, and the digest of each of its tables before and after."""

    view: str
    events: int
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def identical(self) -> bool:
        """Whether the rows had been what the events say."""
        return self.before == self.after


async def replay_view(connection: Connection, view: View) -> Replayed:
    """Make a view's rows again and compare them with those there were, inside a transaction of the caller."""
    # Before the first digest: nothing may be appended between what is compared.
    await connection.execute(LOCK)
    before = await _digests(connection, view)
    events = await replay_rows(connection, view)
    return Replayed(view.name, events, before, await _digests(connection, view))


async def _digests(connection: Connection, view: View) -> dict[str, str]:
    return {table.name: await table_digest(connection, table) for table in view.metadata.sorted_tables}


async def replay_rows(connection: Connection, view: View) -> int:
    """Delete a view's rows and project every event again, in feed order; the number of events.

    Inside a transaction of the caller. Appends wait until it ends; readers see the old rows until then.
    """
    await connection.execute(LOCK)
    for table in reversed(view.metadata.sorted_tables):
        # Not TRUNCATE: it would lock readers out.
        await run_writes(connection, [literal(delete(table))])
    count, position = 0, FeedPosition()
    while page := await connection.fetch(rows.AFTER, position.tx, position.position, PAGE):
        recorded = [rows.recorded_of(row) for row in page]
        await run_writes(connection, (write for one in recorded for write in view.project(one)))
        count += len(recorded)
        position = FeedPosition.of(recorded[-1])
    return count
