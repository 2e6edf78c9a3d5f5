"""Two independent views of the same trading: the exchange's ledger and our public API, as exact numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.stack import Stack

STATUS = {
    "NEW": "OPEN",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
    "EXPIRED_IN_MATCH": "CANCELLED",
    "REJECTED": "FAILED",
}


@dataclass(frozen=True)
class Books:
    """Orders (status, filled), trades (price, amount, fee, fee token) and balances (total, available), by id or token."""

    orders: dict[str, tuple[str, Decimal]]
    trades: dict[str, tuple[Decimal, Decimal, Decimal, str]]
    balances: dict[str, tuple[Decimal, Decimal]]


def exact(number: float | str) -> Decimal:
    """The decimal a JSON number was written as."""
    return Decimal(str(number)).normalize() + 0


def agree(ours: Books, theirs: Books) -> bool:
    """Whether both hold the same; orders the exchange never took may be ours only, as FAILED."""
    ours_taken = {id_: order for id_, order in ours.orders.items() if order[0] != "FAILED"}
    return (ours_taken, ours.trades, ours.balances) == (theirs.orders, theirs.trades, theirs.balances)


async def books(client: Any, account: str, connector: str) -> Books:
    """Our books, read through the official client."""
    orders = await _all(client.trading.search_orders, account)
    trades = await _all(client.trading.get_trades, account)
    state = await client.portfolio.get_state([account], [connector])
    # Empty until the session has reported.
    balances = {
        token["token"]: (exact(token["units"]), exact(token["available_units"]))
        for token in state.get(account, {}).get(connector, ())
    }
    return our_books(orders, trades, balances)


def our_books(
    orders: Iterable[Mapping[str, Any]], trades: Iterable[Mapping[str, Any]], balances: dict[str, tuple[Decimal, Decimal]]
) -> Books:
    """The books that rows of our API hold; all of one connector, for trades are numbered by connector."""
    return Books(
        {order["order_id"]: (order["status"], exact(order["filled_amount"])) for order in orders},
        {
            trade["trade_id"].rsplit("_", 1)[1]: (
                exact(trade["price"]),
                exact(trade["amount"]),
                exact(trade["fee_paid"]),
                trade["fee_currency"],
            )
            for trade in trades
        },
        balances,
    )


async def _all(search: Any, account: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await search(account_names=[account], limit=1000, cursor=cursor)
        rows += page["data"]
        cursor = page["pagination"]["next_cursor"]
        if not page["pagination"]["has_more"]:
            assert len(rows) == page["pagination"]["total_count"]
            return rows


def exchange_books(stack: Stack, api_key: str) -> Books:
    """The exchange's own books of an account, from its ledger."""
    return ledger_books(json.loads(stack.run("sandbox", "ledger", api_key)))


def ledger_books(ledger: Mapping[str, Any]) -> Books:
    """The books that a ledger of the exchange holds."""
    return Books(
        {order["clientOrderId"]: (STATUS[order["status"]], exact(order["executedQty"])) for order in ledger["orders"]},
        {
            str(trade["id"]): (exact(trade["price"]), exact(trade["qty"]), exact(trade["commission"]), trade["commissionAsset"])
            for trade in ledger["trades"]
        },
        {
            # The API tells balances as JSON numbers, which clients read as doubles: equal is what is the nearest double.
            asset: (exact(float(exact(balance["free"]) + exact(balance["locked"]))), exact(float(balance["free"])))
            for asset, balance in ledger["balances"].items()
            if exact(balance["free"]) + exact(balance["locked"])
        },
    )
