"""A small batch as one statement: fences, events and the rows of views, checked, stored and committed in one round trip.

A transaction of its own takes a round trip each for BEGIN, the fences, the events, every view and COMMIT, and each of them
waits for its turn in a busy event loop. What makes one statement of them is a WITH whose parts all see the same snapshot and
run in any order, so only writes that say which one row they touch may be in it, each of another row (see `Statement`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from eventlog import rows
from eventlog.recorded import Fence
from eventlog.statements import Write

MOST = 8
"""Events, and writes, of a batch that is stored so: every other combination of writes is another statement to prepare."""

_PARAMETER = re.compile(r"\$(\d+)")

# The locks are held until the commit. A fence that is out of date makes the whole statement fail, and nothing is stored.
_FENCES = f"""fence AS MATERIALIZED (
  SELECT 1 / (count(*) = $1)::int AS held FROM (
    SELECT 1 FROM {rows.FENCES} JOIN unnest($2::text[], $3::bigint[]) AS of(name, token) USING (name, token)
    ORDER BY name FOR SHARE OF {rows.FENCES}
  ) AS locked
)"""  # noqa: S608 - constants


def fits(events: int, writes: Sequence[Write]) -> bool:
    """Whether so many events may be stored with these writes in one statement."""
    touched = [write.row for write in writes]
    return 0 < events <= MOST and len(writes) <= MOST and None not in touched and len(set(touched)) == len(touched)


def statement(fences: frozenset[Fence], columns: Sequence[object], writes: Sequence[Write]) -> tuple[str, list[object]]:
    """The SQL and its arguments; it gives the places of the events in their order. `columns` are those of `rows.INSERT`.

    Fails with DivisionByZeroError when a fence is out of date.
    """
    ordered = sorted(writes, key=lambda write: write.sql)
    arguments: list[object] = []
    if fences:
        pairs = sorted((fence.name, fence.token) for fence in fences)
        arguments += [len(pairs), [name for name, _ in pairs], [token for _, token in pairs]]
    arguments += columns
    for write in ordered:
        arguments += write.args
    return _sql(bool(fences), len(columns), tuple((write.sql, len(write.args)) for write in ordered)), arguments


@lru_cache(maxsize=200)
def _sql(fenced: bool, columns: int, writes: tuple[tuple[str, int], ...]) -> str:
    parts, taken = [], 0
    if fenced:
        parts.append(_FENCES)
        taken = 3
    parts.append(f"stored AS ({_moved(rows.INSERT, taken)})")
    taken += columns
    for number, (sql, count) in enumerate(writes):
        parts.append(f"write_{number} AS ({_moved(sql, taken)})")
        taken += count
    source = "stored, fence WHERE held = 1" if fenced else "stored"
    return f"WITH {', '.join(parts)} SELECT notification_id, tx FROM {source} ORDER BY notification_id"  # noqa: S608


def _moved(sql: str, by: int) -> str:
    """The statement with its parameters numbered on from `by`."""
    return _PARAMETER.sub(lambda parameter: f"${int(parameter[1]) + by}", sql)
