"""Pages by key: the conditions of a search, and cursors that carry the place, the total and the search they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from contracts.message import Query
from contracts.rejections import CursorInvalid
from service_kit.paging import decode_cursor, encode_cursor, page


class Rows(Protocol):
    """The reading side of the service's database."""

    async def fetch(self, sql: str, /, *args: object) -> Sequence[Any]:
        """The rows of a query with `$1`, `$2`, ... Raises Unavailable when the database is gone."""
        ...


@dataclass
class Conditions:
    """Clauses of a WHERE, with the arguments of the whole statement."""

    clauses: list[str] = field(default_factory=list)
    args: list[Any] = field(default_factory=list)

    def bound(self, template: str, *values: Any) -> str:
        """SQL with an argument for each `{}`, to be used in the same statement; it does not become a condition."""
        self.args.extend(values)
        first = len(self.args) - len(values) + 1
        return template.format(*(f"${first + n}" for n in range(len(values))))

    def add(self, template: str, *values: Any) -> None:
        """A condition with `{}` for each value."""
        self.clauses.append(self.bound(template, *values))

    def one_of(self, column: str, values: Sequence[str] | None) -> None:
        """`column` is one of `values`; any when there are none. A single value keeps the order of an index usable."""
        if not values:
            return
        if len(values) == 1:
            self.add(column + " = {}", values[0])
        else:
            self.add(column + " = ANY({})", list(values))

    def between(self, column: str, start: datetime | None, end: datetime | None) -> str:
        """SQL that `column` lies within the times, both included; it does not become a condition."""
        parts = []
        if start is not None:
            parts.append(self.bound(column + " >= {}", start))
        if end is not None:
            parts.append(self.bound(column + " <= {}", end))
        return " AND ".join(parts) or "true"

    @property
    def sql(self) -> str:
        """The clause without WHERE."""
        return " AND ".join(self.clauses) or "true"


@dataclass(frozen=True)
class Place:
    """Where the last page ended, and how many rows the first one counted. `key` holds JSON values."""

    key: list[str]
    total: int


def read_cursor(query: Query, cursor: str, parts: int) -> Place:
    """The place of a cursor this search made. Raises CursorInvalid for any other, also for one of another search."""
    place = decode_cursor(cursor)
    key, total, seal = place.get("k"), place.get("n"), place.get("s")
    readable = isinstance(key, list) and len(key) == parts and all(isinstance(part, str) for part in key)
    if not readable or not isinstance(total, int) or seal != _seal(query, key, total):
        raise CursorInvalid("cursor: not a cursor of this search", field="cursor")
    return Place(list(key or []), total)


def write_cursor(query: Query, place: Place) -> str:
    """An opaque cursor."""
    return encode_cursor({"k": place.key, "n": place.total, "s": _seal(query, place.key, place.total)})


def envelope(query: Query, limit: int, found: Sequence[str], key: Sequence[str], total: int) -> bytes:
    """The P1 page of up to `limit + 1` items that were read, each as JSON; `key` names the members that tell their place."""
    has_more, items = len(found) > limit, found[:limit]
    following = None
    if has_more:
        last = json.loads(items[-1])
        following = write_cursor(query, Place([last[name] for name in key], total))
    return page(items, limit, has_more, following, total)


def key_time(text: str) -> datetime:
    """A time in a cursor. Raises CursorInvalid."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise CursorInvalid("cursor: not a cursor of this search", field="cursor") from error


def _seal(query: Query, key: Any, total: Any) -> str:
    """A checksum over the place and the search: a cursor that was edited, or belongs to another search, does not fit."""
    search = query.model_dump_json(exclude={"cursor", "limit"})
    return hashlib.sha256(json.dumps([type(query).__name__, search, key, total]).encode()).hexdigest()[:16]
