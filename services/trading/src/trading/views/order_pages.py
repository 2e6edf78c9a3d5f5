"""ActiveOrders and SearchOrders: the final JSON of contract 8.5."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.trading import TERMINAL, ActiveOrders, SearchOrders

from trading.views.paging import Conditions, Rows, envelope, key_time, read_cursor, read_page
from trading.views.totals import Counted

COLUMNS = """order_id, account, connector, trading_pair, side, order_type, amount, price, status, filled_amount,
    filled_quote / nullif(filled_amount, 0) AS average_price, fee_paid, fee_tokens, created_at, updated_at, exchange_order_id,
    error_message"""


ORDERS = Counted("orders", kind="status", time="created_at", where="known")
OPEN = f"status NOT IN ({', '.join(repr(status.value) for status in sorted(TERMINAL))})"


async def active_orders(rows: Rows, query: ActiveOrders) -> bytes:
    """A page of orders that are not in a terminal state, by id ascending. Raises CursorInvalid."""
    filters = Conditions([OPEN])
    _filter(filters, query)
    counted: int | str
    if query.cursor is None:
        counted, after = ORDERS.total(filters), "true"
    else:
        place = read_cursor(query, query.cursor, 1)
        counted, after = place.total, filters.bound("order_id > {}", place.key[0])
    source = f"FROM orders WHERE known AND closed IS NULL AND {filters.sql} AND {after} ORDER BY order_id"
    found, total = await read_page(rows, COLUMNS, source, filters.args, query.limit, counted)
    return envelope(query, query.limit, found, _item, lambda row: [row["order_id"]], total)


async def search_orders(rows: Rows, query: SearchOrders) -> bytes:
    """A page of orders, newest first; orders that arrive while paging come before the first page. Raises CursorInvalid."""
    filters = Conditions()
    _filter(filters, query)
    if query.status:
        filters.add("status = {}", query.status.upper())
    within = filters.between("created_at", query.start_time, query.end_time)
    counted: int | str
    if query.cursor is None:
        counted, after = ORDERS.total(filters, query.start_time, query.end_time), "true"
    else:
        place = read_cursor(query, query.cursor, 2)
        counted = place.total
        after = filters.bound("(created_at, order_id) < ({}, {})", key_time(place.key[0]), place.key[1])
    where = f"known AND {filters.sql} AND {within} AND {after}"
    source = f"FROM orders WHERE {where} ORDER BY created_at DESC, order_id DESC"
    found, total = await read_page(rows, COLUMNS, source, filters.args, query.limit, counted)
    return envelope(query, query.limit, found, _item, lambda row: [row["created_at"].isoformat(), row["order_id"]], total)


def _filter(conditions: Conditions, query: ActiveOrders | SearchOrders) -> None:
    conditions.one_of("account", query.account_names)
    conditions.one_of("connector", query.connector_names)
    conditions.one_of("trading_pair", query.trading_pairs)


def _item(row: Any) -> dict[str, Any]:
    # The sum of fees in several tokens is no number; each fill tells its own fee.
    tokens: list[str] = row["fee_tokens"]
    return {
        "order_id": row["order_id"],
        "account_name": row["account"],
        "connector_name": row["connector"],
        "trading_pair": row["trading_pair"],
        "trade_type": row["side"],
        "order_type": row["order_type"],
        "amount": float(row["amount"]),
        "price": _number(row["price"]),
        "status": row["status"],
        "filled_amount": float(row["filled_amount"]),
        "average_fill_price": _number(row["average_price"]),
        "fee_paid": float(row["fee_paid"]) if len(tokens) < 2 else None,
        "fee_currency": ",".join(tokens) or None,
        "created_at": row["created_at"].isoformat(),
        "updated_at": row["updated_at"].isoformat(),
        "exchange_order_id": row["exchange_order_id"],
        "error_message": row["error_message"],
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
