"""A view's rows, made again from the events."""

from __future__ import annotations

from sqlalchemy import delete

from eventlog import rows
from eventlog.batch import run_writes
from eventlog.database import Connection
from eventlog.recorded import FeedPosition
from eventlog.statements import View, literal

PAGE = 1000


async def replay_rows(connection: Connection, view: View) -> int:
    """Delete a view's rows and project every event again, in feed order; the number of events.

    Inside a transaction of the caller. Appends wait until it ends; readers see the old rows until then.
    """
    await connection.execute(f"LOCK TABLE {rows.EVENTS} IN SHARE MODE")
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
