"""Funding payments that are still to be shared, and who held the position of one at its time, from the executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.views.paging import Rows

_WAITING = """SELECT trading_pair, exchange_funding_id, amount, token, position_amount, time FROM funding_payments
WHERE account = $1 AND connector = $2 AND NOT shared ORDER BY time, exchange_funding_id"""

# Only executors that were not closed then: what a closed one kept is in its hold.
_EXECUTORS = """SELECT e.executor_id, e.controller_id, sum(CASE t.side WHEN 'BUY' THEN t.amount ELSE -t.amount END) AS position
FROM executors e JOIN orders o ON o.executor_id = e.executor_id JOIN trades t ON t.order_id = o.order_id
WHERE e.account = $1 AND e.created_at <= $4 AND (e.closed_at IS NULL OR e.closed_at > $4)
    AND t.account = $1 AND t.connector = $2 AND t.trading_pair = $3 AND t.time <= $4
GROUP BY 1, 2 HAVING sum(CASE t.side WHEN 'BUY' THEN t.amount ELSE -t.amount END) <> 0 ORDER BY 1"""
_HOLDS = """SELECT controller_id, open_base, updated_at FROM position_holds
WHERE account = $1 AND connector = $2 AND trading_pair = $3 ORDER BY controller_id"""
_OWED = """SELECT EXISTS (SELECT FROM executors WHERE holds_recorded < holds_due AND account = $1 AND closed_at <= $2)"""


@dataclass(frozen=True, slots=True)
class WaitingPayment:
    """A payment that is recorded and not shared."""

    trading_pair: str
    exchange_funding_id: str
    amount: Decimal
    token: str
    position_amount: Decimal | None
    time: datetime


async def waiting(rows: Rows, account: str, connector: str) -> list[WaitingPayment]:
    """The session's payments that are not shared yet, oldest first. Raises Unavailable."""
    return [WaitingPayment(**dict(row)) for row in await rows.fetch(_WAITING, account, connector)]


async def executors_at(rows: Rows, account: str, connector: str, pair: str, at: datetime) -> list[tuple[str, str, Decimal]]:
    """Executor, controller and position of every executor that was open and held something then. Raises Unavailable."""
    found = await rows.fetch(_EXECUTORS, account, connector, pair, at)
    return [(row["executor_id"], row["controller_id"], row["position"]) for row in found]


async def holds_on(rows: Rows, account: str, connector: str, pair: str) -> list[tuple[str, Decimal, datetime]]:
    """Controller, open position and time of the last change of every hold there ever was. Raises Unavailable."""
    found = await rows.fetch(_HOLDS, account, connector, pair)
    return [(row["controller_id"], row["open_base"], row["updated_at"]) for row in found]


async def holds_owed(rows: Rows, account: str, at: datetime) -> bool:
    """Whether an executor that had ended by then kept something that is not in its hold yet. Raises Unavailable."""
    return bool((await rows.fetch(_OWED, account, at))[0][0])
