"""How many rows a search matches, out of counts that the database keeps in the transaction of every change.

`row_counts` is to `orders` and `trades` what an index is: triggers keep it (revision trading_0003), so it holds after an
append, a replay and a statement by hand alike. `kind` is the status of an order or the side of a trade. `day` is that of the
row's time in UTC, and `-infinity` in the rows over all days. Counts of nothing are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import BigInteger, Column, Date, Index, MetaData, Table, Text

from trading.views.paging import Conditions

metadata = MetaData()

row_counts = Table(
    "row_counts",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("trading_pair", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

row_changes = Table(
    "row_changes",
    metadata,
    Column("tx", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("account", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("trading_pair", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Index("row_changes_by_tx", "tx"),
    prefixes=["UNLOGGED"],
)
"""What the running transactions have changed and not yet folded into `row_counts`; empty between transactions."""


@dataclass(frozen=True)
class Counted:
    """A table whose rows are counted: the columns that are the `kind` and the time, and which of its rows count."""

    table: str
    kind: str
    time: str
    where: str

    def total(self, filters: Conditions, start: datetime | None = None, end: datetime | None = None) -> str:
        """SQL of the number of rows that match `filters`, from `start` to `end`, both included and aware.

        `filters` are about the account, connector, pair and kind only; it may get arguments. Rows of days that are not wholly
        within the times are counted one by one.
        """
        if start is None and end is None:
            return self._kept(filters, "day = '-infinity'")
        first, last = _first_day(start), None if end is None else end.astimezone(UTC).date()
        if first == date.max or (first is not None and last is not None and first >= last):
            return self._each(filters, filters.between(self.time, start, end))
        days, parts = ["day > '-infinity'"], []
        if first is not None and start is not None:
            days.append(filters.bound("day >= {}", first))
            if start < _midnight(first):
                within = filters.bound(f"{self.time} >= {{}} AND {self.time} < {{}}", start, _midnight(first))
                parts.append(self._each(filters, within))
        if last is not None and end is not None:
            days.append(filters.bound("day < {}", last))
            within = filters.bound(f"{self.time} >= {{}} AND {self.time} <= {{}}", _midnight(last), end)
            parts.append(self._each(filters, within))
        return " + ".join([self._kept(filters, " AND ".join(days)), *parts])

    def _kept(self, filters: Conditions, days: str) -> str:
        columns = f"day, account, connector, trading_pair, kind AS {self.kind}, n"
        counts = f"SELECT {columns} FROM row_counts WHERE source = '{self.table}'"  # noqa: S608 - constants
        return f"(SELECT coalesce(sum(n), 0)::bigint FROM ({counts}) kept WHERE {filters.sql} AND {days})"  # noqa: S608 - constants

    def _each(self, filters: Conditions, within: str) -> str:
        return f"(SELECT count(*) FROM {self.table} WHERE {self.where} AND {filters.sql} AND {within})"  # noqa: S608 - constants


def _first_day(start: datetime | None) -> date | None:
    """The first day that begins at or after a time; the last one there is when there is none."""
    if start is None:
        return None
    utc = start.astimezone(UTC)
    day = utc.date()
    return day if utc.timetz() == time(tzinfo=UTC) or day == date.max else day + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
