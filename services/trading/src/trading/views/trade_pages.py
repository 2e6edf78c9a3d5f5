"""SearchTrades: the final JSON of contract 8.5."""

from __future__ import annotations

from typing import Any

from contracts.trading import SearchTrades

from trading.views.paging import Conditions, Rows, envelope, key_time, read_cursor, read_page
from trading.views.totals import Totals

COLUMNS = "trade_id, order_id, account, connector, trading_pair, side, amount, price, fee, fee_token, time"


async def search_trades(rows: Rows, query: SearchTrades, totals: Totals) -> bytes:
    """A page of executions, newest first by the exchange's time. Raises CursorInvalid."""
    conditions = Conditions()
    conditions.one_of("account", query.account_names)
    conditions.one_of("connector", query.connector_names)
    conditions.one_of("trading_pair", query.trading_pairs)
    conditions.one_of("side", [side.value for side in query.trade_types or ()])
    conditions.between("time", query.start_time, query.end_time)
    total = None
    if query.cursor is not None:
        place = read_cursor(query, query.cursor, 2)
        total = place.total
        conditions.add("(time, trade_id) < ({}, {})", key_time(place.key[0]), place.key[1])
    order = "time DESC, trade_id DESC"
    found, total = await read_page(
        rows, "trades", COLUMNS, conditions, order=order, limit=query.limit, total=total, totals=totals
    )
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
