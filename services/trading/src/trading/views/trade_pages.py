"""SearchTrades: the final JSON of contract 8.5."""

from __future__ import annotations

from contracts.trading import SearchTrades

from trading.views.items import Items, number, plain, time
from trading.views.paging import Conditions, Rows, key_time, read_cursor
from trading.views.totals import Counted

ITEMS = Items(
    plain("trade_id"),
    plain("order_id"),
    plain("account_name", "account"),
    plain("connector_name", "connector"),
    plain("trading_pair"),
    plain("trade_type", "side"),
    number("amount"),
    number("price"),
    number("fee_paid", "fee"),
    plain("fee_currency", "fee_token"),
    time("timestamp", "time"),
    key=("timestamp", "trade_id"),
)
TRADES = Counted("trades", kind="side", time="time", where="true")


async def search_trades(rows: Rows, query: SearchTrades) -> bytes:
    """A page of executions, newest first by the exchange's time. Raises CursorInvalid."""
    filters = Conditions()
    filters.one_of("account", query.account_names)
    filters.one_of("connector", query.connector_names)
    filters.one_of("trading_pair", query.trading_pairs)
    filters.one_of("side", [side.value for side in query.trade_types or ()])
    within = filters.between("time", query.start_time, query.end_time)
    counted: int | str
    if query.cursor is None:
        counted, after = TRADES.total(filters, query.start_time, query.end_time), "true"
    else:
        place = read_cursor(query, query.cursor, 2)
        counted = place.total
        after = filters.bound("(time, trade_id) < ({}, {})", key_time(place.key[0]), place.key[1])
    source = f"FROM trades WHERE {filters.sql} AND {within} AND {after} ORDER BY time DESC, trade_id DESC"
    return await ITEMS.page(rows, query, query.limit, source, filters.args, counted)
