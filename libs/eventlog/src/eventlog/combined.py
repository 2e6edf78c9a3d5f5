"""A whole batch in one statement, and so in one round trip: its fences, its events and the writes of its views.

A transaction of its own takes a round trip each for BEGIN, the fences, the events, every view and COMMIT, and each of them
waits for its turn in a busy event loop. All parts of a statement see the rows as they were before it and run in no set order.
So a part is any number of rows of one plain insert, which reads nothing, or a write that says which one row it touches, each
of another row (see `Statement`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from eventlog import rows
from eventlog.recorded import Fence
from eventlog.statements import Guard, PlainInsert, Write, json_text

MOST = 8
"""Writes of one row each in a statement: every other combination of them is another statement to prepare."""

CHANGES = ("INSERT", "UPDATE", "DELETE")
"""What begins a part: a SELECT that nobody reads would not run."""

# A parameter, or what only looks as if it held one: texts (with E, plain, with dollars), quoted names, comments, names with $.
_PARAMETER = re.compile(
    r"""\b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
    | (?<![\w$]) (\$(?:[^\W\d]\w*)?\$) .*? \1 | (?<![\w$]) \$(?P<number>\d+)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Combined:
    """The statement of a batch. Unless all its fences are in force it fails with a DivisionByZeroError."""

    sql: str
    args: tuple[object, ...]


def combined(events: Sequence[object], views: Sequence[Sequence[Write]], fences: Iterable[Fence]) -> Combined | None:
    """The statement of `events` (the arguments of `rows.insert`), the writes of each view and the fences.

    None when it cannot be one: a write may touch what another one does, or there are too many of one row each.
    """
    changes: list[Write] = []
    inserts: list[PlainInsert] = []
    documents: list[object] = []
    for writes in filter(None, views):
        plain = writes[0].plain
        if plain is not None and all(write.plain is plain for write in writes):
            inserts.append(plain)
            documents.append(json_text([write.args for write in writes]))
        else:
            changes += writes
    if not _fit(changes) or not _differ(chain.from_iterable(views)):
        return None
    changes.sort(key=lambda write: write.sql)
    held = sorted((fence.name, fence.token) for fence in fences)
    names_and_tokens = zip(*held, strict=True)
    sql = _sql(tuple((write.sql, len(write.args)) for write in changes), tuple(inserts), bool(held))
    return Combined(sql, (*chain.from_iterable(write.args for write in changes), *documents, *events, *names_and_tokens))


def _fit(changes: Sequence[Write]) -> bool:
    return len(changes) <= MOST and all(
        write.row is not None and not isinstance(write, Guard) and write.sql.lstrip()[:6].upper() in CHANGES
        for write in changes
    )


def _differ(writes: Iterable[Write]) -> bool:
    touched = [write.row for write in writes if write.row is not None]
    return len(set(touched)) == len(touched)


@lru_cache(maxsize=256)
def _sql(changes: Sequence[tuple[str, int]], inserts: Sequence[PlainInsert], fenced: bool) -> str:
    parts, number = [], 1
    for part, (sql, args) in enumerate(changes):
        parts.append(f"_change_{part} AS ({renumbered(sql, number - 1)})")
        number += args
    for insert in inserts:
        parts.append(f"_rows_{number} AS ({insert.sql(number)})")
        number += 1
    names, tokens = f"${number + rows.INSERT_ARGS}::text[]", f"${number + rows.INSERT_ARGS + 1}::bigint[]"
    condition = ""
    if fenced:
        parts.append(f"_held AS (SELECT name, token FROM {rows.FENCES} WHERE name = ANY({names}) ORDER BY name FOR SHARE)")  # noqa: S608
        # An error rather than no rows: it stops the other parts too.
        condition = (
            f"WHERE 1 = (SELECT 1 / (count(*) = cardinality({names}))::int"  # noqa: S608 - constants
            f" FROM _held JOIN unnest({names}, {tokens}) AS wanted(name, token) USING (name, token))"
        )
    given = f"WITH {', '.join(parts)} " if parts else ""
    return given + rows.insert(number, condition)


def renumbered(sql: str, by: int) -> str:
    """The statement with its parameters numbered on from `by`; texts, quoted names and comments stay as they are."""
    return _PARAMETER.sub(lambda found: f"${int(found['number']) + by}" if found["number"] else found[0], sql)
