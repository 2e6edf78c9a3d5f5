"""ActiveOrders and SearchOrders: the final JSON of contract 8.5."""

from __future__ import annotations

from contracts.trading import TERMINAL, ActiveOrders, SearchOrders

from trading.views.items import Items, number, plain, time
from trading.views.paging import Conditions, Rows, key_time, read_cursor
from trading.views.totals import Counted

MEMBERS = (
    plain("order_id"),
    plain("account_name", "account"),
    plain("connector_name", "connector"),
    plain("trading_pair"),
    plain("trade_type", "side"),
    plain("order_type"),
    number("amount"),
    number("price"),
    plain("status"),
    number("filled_amount"),
    number("average_fill_price", "filled_quote / nullif(filled_amount, 0)"),
    # The sum of fees in several tokens is no number; each fill tells its own fee.
    number("fee_paid", "CASE WHEN cardinality(fee_tokens) < 2 THEN fee_paid END"),
    plain("fee_currency", "nullif(array_to_string(fee_tokens, ','), '')"),
    time("created_at"),
    time("updated_at"),
    plain("exchange_order_id"),
    plain("error_message"),
)
BY_ID = Items(*MEMBERS, key=("order_id",))
NEWEST_FIRST = Items(*MEMBERS, key=("created_at", "order_id"))
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
    return await BY_ID.page(rows, query, query.limit, source, filters.args, counted)


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
    return await NEWEST_FIRST.page(rows, query, query.limit, source, filters.args, counted)


def _filter(conditions: Conditions, query: ActiveOrders | SearchOrders) -> None:
    conditions.one_of("account", query.account_names)
    conditions.one_of("connector", query.connector_names)
    conditions.one_of("trading_pair", query.trading_pairs)
