"""SearchTrades: the final JSON of contract 8.5."""

from __future__ import annotations

from typing import Any

from contracts.trading import SearchTrades

from trading.views.paging import Conditions, Rows, envelope, key_time, read_cursor, read_page
from trading.views.totals import Counted

COLUMNS = "trade_id, order_id, account, connector, trading_pair, side, amount, price, fee, fee_token, time"


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
    return envelope(query, query.limit, found, _item, lambda row: [row["time"].isoformat(), row["trade_id"]], total)


def _item(row: Any) -> dict[str, Any]:
    return {
        "trade_id": row["trade_id"],
        "order_id": row["order_id"],
        "account_name": row["account"],
        "connector_name": row["connector"],
        "trading_pair": row["trading_pair"],
        "trade_type": row["side"],
        "amount": float(row["amount"]),
        "price": float(row["price"]),
        "fee_paid": float(row["fee"]),
        "fee_currency": row["fee_token"],
        "timestamp": row["time"].isoformat(),
    }
