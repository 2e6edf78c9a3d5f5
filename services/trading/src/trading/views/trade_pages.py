"""SearchTrades: the final JSON of contract 8.5."""

from __future__ import annotations

from contracts.trading import SearchTrades

from trading.views.paging import Conditions, Rows, envelope, key_time, read_cursor, read_page
from trading.views.totals import Counted

# Named and ordered as the contract shows them, so that a row is an item but for its time.
COLUMNS = """trade_id, order_id, account AS account_name, connector AS connector_name, trading_pair, side AS trade_type,
    amount::float8 AS amount, price::float8 AS price, fee::float8 AS fee_paid, fee_token AS fee_currency, time AS timestamp"""
TIMES = ("timestamp",)
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
    found, total = await read_page(rows, COLUMNS, source, filters.args, query.limit, counted)
    return envelope(query, query.limit, found, TIMES, ("timestamp", "trade_id"), total)
