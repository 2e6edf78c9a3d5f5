"""Orders of which it is not proven what the exchange did, for the reconciliation report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.trading.reconciliation import GetReconciliation

from trading.views.paging import Conditions, Rows

COLUMNS = """order_id, account AS account_name, connector AS connector_name, trading_pair, side AS trade_type, order_type,
    amount::text, price::text, filled_amount::text, exchange_order_id, executor_id, acknowledged, unknown AS action,
    created_at, updated_at"""


async def unknown_rows(rows: Rows, query: GetReconciliation) -> tuple[int, list[dict[str, Any]]]:
    """How many there are now, and the rows of those nothing was heard of the longest, at most `query.limit`.

    Raises Unavailable.
    """
    filters = Conditions(["known", "status = 'UNKNOWN'"])
    filters.one_of("account", query.account_names)
    filters.one_of("connector", query.connector_names)
    filters.one_of("trading_pair", query.trading_pairs)
    source = f"FROM orders WHERE {filters.sql}"
    [(count,)] = await rows.fetch(f"SELECT count(*) {source}", *filters.args)
    longest = f"{source} ORDER BY updated_at, order_id LIMIT {query.limit}"
    found: Sequence[Any] = await rows.fetch(f"SELECT {COLUMNS} {longest}", *filters.args)
    return count, [dict(row) for row in found]
