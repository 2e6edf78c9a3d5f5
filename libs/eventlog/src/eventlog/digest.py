"""Digests of tables: equal digests mean equal rows, in whatever order they are stored."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import Column, Float, Numeric, Table

from eventlog.database import Connection
from eventlog.statements import DIALECT

PAGE = 1000
_MODULUS = 1 << 256


async def table_digest(connection: Connection, table: Table) -> str:
    """64 hexadecimal digits over the rows of a table (zeros for an empty one), inside a transaction of the caller.

    Numbers count by value: `1.50`, as a caller gave it, is the `1.5` that its stored event says. It is the sum of the
    SHA-256 of every row's text, so neither the rows' order nor that of columns added later counts, and the
    memory is that of one page.
    """
    columns = ", ".join(_value(column) for column in sorted(table.columns, key=lambda column: column.name))
    sql = f"SELECT ROW({columns})::text FROM {_quoted(table.name)}"  # noqa: S608 - our own names
    total = 0
    async for row in connection.cursor(sql, prefetch=PAGE):
        total += int.from_bytes(sha256(row[0].encode()).digest())
    return f"{total % _MODULUS:064x}"


def _value(column: Column[Any]) -> str:
    exact = isinstance(column.type, Numeric) and not isinstance(column.type, Float)
    return f"trim_scale({_quoted(column.name)})" if exact else _quoted(column.name)


def _quoted(name: str) -> str:
    return str(DIALECT.identifier_preparer.quote(name))
