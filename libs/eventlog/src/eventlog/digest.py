"""Digests of tables: equal digests mean equal rows, in whatever order they are stored."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Table

from eventlog.database import Connection
from eventlog.statements import DIALECT

PAGE = 1000
_MODULUS = 1 << 256


async def table_digest(connection: Connection, table: Table) -> str:
    """64 hexadecimal digits over the rows of a table (zeros for an empty one), inside a transaction of the caller.

    The sum of the SHA-256 of every row's text, so neither the rows' order nor that of columns added later counts, and the
    memory is that of one page.
    """
    quoted = DIALECT.identifier_preparer.quote
    columns = ", ".join(quoted(column.name) for column in sorted(table.columns, key=lambda column: column.name))
    total = 0
    async for row in connection.cursor(f"SELECT ROW({columns})::text FROM {quoted(table.name)}", prefetch=PAGE):  # noqa: S608
        total += int.from_bytes(sha256(row[0].encode()).digest())
    return f"{total % _MODULUS:064x}"
