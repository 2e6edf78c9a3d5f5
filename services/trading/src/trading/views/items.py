"""Items of a page whose JSON Postgres makes.

A page has hundreds of values. Decoding each in Python and encoding it again cost several times what Postgres needs to write the
text, so a row comes as its finished item. The text is what Python would have written: numbers are doubles in the fewest digits
that tell them apart and with a fraction (`1.0`), times are ISO 8601 in UTC with microseconds unless there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.message import Query

from trading.views.paging import Rows, envelope

PLAIN = "{0}"
NUMBER = "CASE WHEN {0} = trunc({0}) AND abs({0}) < 1e15 THEN ({0}::text || '.0')::json ELSE to_json({0}) END"
TIME = """replace(to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), '.000000+', '+')"""


@dataclass(frozen=True)
class Member:
    """One member of an item: the SQL of its value, and the SQL that shows it, with `{0}` for the value."""

    name: str
    sql: str
    shown: str


def plain(name: str, sql: str | None = None) -> Member:
    """A text, integer, boolean or array of these; the column of the same name without `sql`."""
    return Member(name, sql or name, PLAIN)


def number(name: str, sql: str | None = None) -> Member:
    """A numeric, shown as the nearest double."""
    return Member(name, f"({sql or name})::float8", NUMBER)


def time(name: str, sql: str | None = None) -> Member:
    """A time; the connection's time zone is UTC."""
    return Member(name, sql or name, TIME)


class Items:
    """What the items of a page are made of, in the contract's order; `key` names the members that tell an item's place."""

    def __init__(self, *members: Member, key: Sequence[str]) -> None:
        self._read = ", ".join(f"{each.sql} AS {each.name}" for each in members)
        self._shown = ", ".join(f"{each.shown.format(each.name)} AS {each.name}" for each in members)
        self._key = key

    async def page(self, rows: Rows, query: Query, limit: int, source: str, args: Sequence[Any], total: int | str) -> bytes:
        """The P1 page of up to `limit` rows of `source` (FROM to ORDER BY).

        `total` is given, or is SQL of it for the rows' own snapshot.
        """
        # One row more than asked for tells whether there are more. The inner limit keeps each value from being made twice.
        read = f"SELECT {self._read} {source} LIMIT {limit + 1}"
        counted = "" if isinstance(total, int) else f", {total} AS total"
        sql = f"SELECT to_json(item)::text AS item{counted} FROM (SELECT {self._shown} FROM ({read}) found) item"  # noqa: S608 - arguments are bound
        found = await rows.fetch(sql, *args)
        if not isinstance(total, int):
            total = found[0]["total"] if found else 0
        return envelope(query, limit, [row["item"] for row in found], self._key, total)
