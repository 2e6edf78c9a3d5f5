"""Orders of executors that changed after their end was recorded. A trigger on `orders` keeps them (revision trading_0009).

An order that was recorded as failed, or as cancelled, may prove to live or to have executed more; its executor may have been
closed meanwhile. No view of events: a mark stays until somebody has looked at the executor.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from trading.views.paging import Rows

metadata = MetaData()

late_orders = Table(
    "late_orders",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("executor_id", Text, nullable=False),
    Column("changes", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class LateOrder:
    """An order of a closed executor, and how often it changed so far."""

    order_id: str
    executor_id: str
    changes: int


async def orders_of_closed(rows: Rows) -> list[LateOrder]:
    """The marked orders whose executor is closed. Raises Unavailable."""
    found = await rows.fetch(
        """SELECT order_id, executor_id, changes FROM late_orders l
        WHERE EXISTS (SELECT FROM executors e WHERE e.executor_id = l.executor_id AND e.closed_at IS NOT NULL)
        ORDER BY executor_id, order_id"""
    )
    return [LateOrder(**dict(row)) for row in found]


async def looked_at(rows: Rows, late: LateOrder) -> None:
    """Take the mark away, unless the order has changed again meanwhile. Raises Unavailable."""
    await rows.fetch("DELETE FROM late_orders WHERE order_id = $1 AND changes = $2", late.order_id, late.changes)
