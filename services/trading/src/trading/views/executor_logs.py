"""What executors log, a bounded number of lines each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.trading import GetExecutorLogs
from pydantic_core import to_json
from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, MetaData, Table, Text

from trading.views.paging import Rows

LINES_KEPT = 5000
"""Of each executor; older ones are deleted."""

metadata = MetaData()

executor_logs = Table(
    "executor_logs",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("executor_id", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("exc_info", Text),
)
Index("executor_logs_by_executor", executor_logs.c.executor_id, executor_logs.c.number)

_ADD = """INSERT INTO executor_logs (executor_id, time, level, message, exc_info)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[])"""
_TRIM = """DELETE FROM executor_logs USING (
    SELECT id, (SELECT number FROM executor_logs WHERE executor_id = id ORDER BY number DESC OFFSET $2 LIMIT 1) AS newest
    FROM unnest($1::text[]) AS written (id)) AS old
WHERE executor_logs.executor_id = old.id AND executor_logs.number <= old.newest"""
_OF = "executor_id = $1 AND ($2::text IS NULL OR level = $2)"
_NEWEST = f"SELECT * FROM executor_logs WHERE {_OF} ORDER BY number DESC LIMIT $3"  # noqa: S608 - constants
_AFTER = f"SELECT * FROM executor_logs WHERE {_OF} AND number > $4 ORDER BY number LIMIT $3"  # noqa: S608 - constants
_COUNT = f"SELECT count(*) AS lines FROM executor_logs WHERE {_OF}"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an executor's log."""

    executor_id: str
    time: datetime
    level: str
    message: str
    exc_info: str | None


async def keep_lines(rows: Rows, lines: Sequence[Line]) -> None:
    """Add lines, and delete what is beyond LINES_KEPT of their executors. Raises Unavailable."""
    columns: list[list[Any]] = [
        [getattr(line, name) for line in lines] for name in ("executor_id", "time", "level", "message", "exc_info")
    ]
    await rows.fetch(_ADD, *columns)
    await rows.fetch(_TRIM, sorted({line.executor_id for line in lines}), LINES_KEPT)


async def executor_log(rows: Rows, query: GetExecutorLogs) -> bytes:
    """Lines of one executor, newest last; none for an unknown one. Raises Unavailable."""
    level = None if query.level is None else query.level.upper()
    if query.after is None:
        found = list(reversed(await rows.fetch(_NEWEST, query.executor_id, level, query.limit)))
    else:
        found = list(await rows.fetch(_AFTER, query.executor_id, level, query.limit, query.after))
    counted = await rows.fetch(_COUNT, query.executor_id, level)
    answer = {
        "executor_id": query.executor_id,
        "logs": [_entry(row) for row in found],
        "total_count": counted[0]["lines"],
        "cursor": found[-1]["number"] if found else query.after or 0,
    }
    return to_json(answer)


def _entry(row: Any) -> dict[str, Any]:
    entry = {"timestamp": row["time"].isoformat(), "level": row["level"], "message": row["message"]}
    return entry if row["exc_info"] is None else {**entry, "exc_info": row["exc_info"]}
