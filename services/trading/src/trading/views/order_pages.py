"""ActiveOrders and SearchOrders: the final JSON of contract 8.5."""

from __future__ import annotations

from contracts.trading import TERMINAL, ActiveOrders, SearchOrders

from trading.views.paging import Conditions, Rows, envelope, key_time, read_cursor, read_page
from trading.views.totals import Counted

# Named and ordered as the contract shows them, so that a row is an item but for its times. The sum of fees in several tokens is
# no number; each fill tells its own fee.
COLUMNS = """order_id, account AS account_name, connector AS connector_name, trading_pair, side AS trade_type, order_type,
    amount::float8 AS amount, price::float8 AS price, status, filled_amount::float8 AS filled_amount,
    (filled_quote / nullif(filled_amount, 0))::float8 AS average_fill_price,
    CASE WHEN cardinality(fee_tokens) < 2 THEN fee_paid::float8 END AS fee_paid,
    nullif(array_to_string(fee_tokens, ','), '') AS fee_currency, created_at, updated_at, exchange_order_id, error_message"""
TIMES = ("created_at", "updated_at")
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
    return envelope(query, query.limit, found, TIMES, ("order_id",), total)


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
    return envelope(query, query.limit, found, TIMES, ("created_at", "order_id"), total)


def _filter(conditions: Conditions, query: ActiveOrders | SearchOrders) -> None:
    conditions.one_of("account", query.account_names)
    conditions.one_of("connector", query.connector_names)
    conditions.one_of("trading_pair", query.trading_pairs)
