"""What the handlers ask of the orders and trades tables about one session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.views.paging import Conditions, Rows

COLUMNS = """order_id, client_order_id, external, trading_pair, side, order_type, position_action, amount, price,
    exchange_order_id, acknowledged, cancel_wanted, unknown, closed, filled_amount, created_at"""

# One index look-up a pair, however many orders there are.
PAIRS = """WITH RECURSIVE pairs (pair) AS (
    (SELECT trading_pair FROM orders WHERE known AND account = $1 AND connector = $2 ORDER BY trading_pair LIMIT 1)
    UNION ALL
    SELECT (SELECT trading_pair FROM orders WHERE known AND account = $1 AND connector = $2 AND trading_pair > pair
        ORDER BY trading_pair LIMIT 1) FROM pairs WHERE pair IS NOT NULL
) SELECT pair FROM pairs WHERE pair IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of a session, as stored. `closed` is its terminal status."""

    order_id: str
    client_order_id: str
    external: bool
    trading_pair: str
    side: str
    order_type: str
    position_action: str
    amount: Decimal
    price: Decimal | None
    exchange_order_id: str | None
    acknowledged: bool
    cancel_wanted: bool
    unknown: str | None
    closed: str | None
    filled_amount: Decimal
    created_at: datetime


class SessionOrders:
    """The stored orders and fills of one account on one connector."""

    def __init__(self, rows: Rows, account: str, connector: str) -> None:
        self._rows = rows
        self._account = account
        self._connector = connector

    async def open(self, trading_pair: str | None = None) -> list[OrderRow]:
        """All orders that are not in a terminal state, oldest first."""
        conditions = self._session("known", "closed IS NULL")
        if trading_pair is not None:
            conditions.add("trading_pair = {}", trading_pair)
        return await self._read(conditions)

    async def count_open(self) -> int:
        """How many orders are not in a terminal state."""
        conditions = self._session("known", "closed IS NULL")
        found = await self._rows.fetch(f"SELECT count(*) FROM orders WHERE {conditions.sql}", *conditions.args)  # noqa: S608
        return int(found[0][0])

    async def by_order_id(self, order_id: str) -> OrderRow | None:
        """The order of this id, if it is this session's."""
        conditions = self._session("known")
        conditions.add("order_id = {}", order_id)
        return next(iter(await self._read(conditions)), None)

    async def by_client_order_id(self, client_order_id: str) -> OrderRow | None:
        """The order the exchange knows by this client order id."""
        conditions = self._session("known")
        conditions.add("client_order_id = {}", client_order_id)
        return next(iter(await self._read(conditions)), None)

    async def by_exchange_order_ids(self, exchange_order_ids: Sequence[str]) -> dict[str, OrderRow]:
        """The orders with these exchange order ids, by that id."""
        conditions = self._session("known")
        conditions.add("exchange_order_id = ANY({})", list(exchange_order_ids))
        return {row.exchange_order_id: row for row in await self._read(conditions) if row.exchange_order_id is not None}

    async def pairs(self) -> list[str]:
        """Every trading pair the session ever had an order on."""
        rows = await self._rows.fetch(PAIRS, self._account, self._connector)
        return [row[0] for row in rows]

    async def trade_ids_since(self, trading_pair: str, since: datetime) -> set[str]:
        """The exchange trade ids of the fills stored for a pair, from that time on."""
        conditions = self._session()
        conditions.add("trading_pair = {}", trading_pair)
        conditions.add("time >= {}", since)
        sql = f"SELECT exchange_trade_id FROM trades WHERE {conditions.sql}"  # noqa: S608
        return {row[0] for row in await self._rows.fetch(sql, *conditions.args)}

    def _session(self, *fixed: str) -> Conditions:
        conditions = Conditions(list(fixed))
        conditions.add("account = {}", self._account)
        conditions.add("connector = {}", self._connector)
        return conditions

    async def _read(self, conditions: Conditions) -> list[OrderRow]:
        sql = f"SELECT {COLUMNS} FROM orders WHERE {conditions.sql} ORDER BY created_at, order_id"  # noqa: S608
        rows: Sequence[Any] = await self._rows.fetch(sql, *conditions.args)
        return [OrderRow(**dict(row)) for row in rows]


async def unknown_orders(log: Rows) -> tuple[int, float]:
    """How many orders of all sessions are unknown, and the seconds since the last word of the longest."""
    [row] = await log.fetch(
        "SELECT count(*) AS orders, coalesce(extract(epoch FROM now() - min(updated_at)), 0)::float8 AS seconds"
        " FROM orders WHERE known AND status = 'UNKNOWN'"
    )
    return row["orders"], max(0.0, row["seconds"])
