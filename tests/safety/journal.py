"""The exchange's books, added up from its journal: its files are read as they are, with none of its code."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path
from typing import Any
from zlib import crc32

QUOTE = "USDT"
"""The quote of every listed pair."""
EXACT = Context(prec=60, traps=[Inexact])


def ledgers(directory: Path) -> dict[str, dict[str, Any]]:
    """By API key, the orders, trades and balances of every account. Raises ValueError for a journal that is not whole."""
    books = _Books()
    with localcontext(EXACT):
        for event in _events(directory):
            books.apply(event)
        return books.ledgers()


def _events(directory: Path) -> Iterator[dict[str, Any]]:
    if list(directory.glob("snapshot*")):
        raise ValueError(f"{directory} holds a snapshot: the round is too long for its whole journal to be there")
    number = 0
    for segment in sorted(directory.glob("journal-*.log")):
        for line in segment.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                return  # it is being written
            if int(line[:8], 16) != crc32(line[9:-1]):
                raise ValueError(f"{segment}: a line after record {number} does not have its checksum")
            record = json.loads(line[9:-1])
            number += 1
            if record["n"] != number:
                raise ValueError(f"{segment}: record {record['n']} where {number} was expected")
            # Records without are of the futures exchange, whose accounts are others.
            yield from record.get("events", ())


class _Books:
    """Orders by number, and by account its keys, trades and what it owns, locked or not."""

    def __init__(self) -> None:
        self._orders: dict[int, dict[str, Any]] = {}
        self._keys: dict[str, str] = {}
        self._owned: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self._trades: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def apply(self, event: dict[str, Any]) -> None:
        """Add one event; those that move nothing are passed over."""
        match event["event"]:
            case "AccountOpened":
                self._keys[event["account"]] = event["api_key"]
            case "Deposited":
                self._owned[event["account"]][event["asset"]] += Decimal(event["amount"])
            case "Withdrawn":
                self._owned[event["account"]][event["asset"]] -= Decimal(event["amount"])
            case "OrderAccepted":
                self._orders[event["order"]] = event | {"status": "NEW", "executed": Decimal(0)}
            case "OrderClosed":
                self._orders[event["order"]]["status"] = event["status"]
            case "Traded":
                self._settle(event, event["taker"], "taker")
                self._settle(event, event["maker"], "maker")

    def _settle(self, trade: dict[str, Any], number: int, role: str) -> None:
        if not number:
            return  # the market maker's side
        order = self._orders[number]
        price, quantity, fee = (Decimal(trade[name]) for name in ("price", "quantity", f"{role}_fee"))
        order["executed"] += quantity
        order["status"] = "FILLED" if order["executed"] >= Decimal(order["quantity"]) else "PARTIALLY_FILLED"
        owned, base = self._owned[order["account"]], trade["symbol"].removesuffix(QUOTE)
        sign = 1 if order["side"] == "BUY" else -1
        owned[base] += sign * quantity
        owned[QUOTE] -= sign * price * quantity
        fee_asset = base if order["side"] == "BUY" else QUOTE
        owned[fee_asset] -= fee
        told = {"id": trade["trade"], "price": price, "qty": quantity, "commission": fee, "commissionAsset": fee_asset}
        self._trades[order["account"]].append(told)

    def ledgers(self) -> dict[str, dict[str, Any]]:
        locked: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        orders = defaultdict(list)
        for order in self._orders.values():
            remaining = Decimal(order["quantity"]) - order["executed"]
            if order["status"] in ("NEW", "PARTIALLY_FILLED"):
                buys = order["side"] == "BUY"
                asset = QUOTE if buys else order["symbol"].removesuffix(QUOTE)
                locked[order["account"]][asset] += remaining * Decimal(order["price"]) if buys else remaining
            orders[order["account"]].append(_told(order))
        return {
            key: {
                "orders": orders[account],
                "trades": self._trades[account],
                "balances": {
                    asset: {"free": total - locked[account][asset], "locked": locked[account][asset]}
                    for asset, total in self._owned[account].items()
                },
            }
            for account, key in self._keys.items()
        }


def _told(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "clientOrderId": order["client_order_id"],
        "status": order["status"],
        "executedQty": order["executed"],
        "symbol": order["symbol"],
        "side": order["side"],
        "type": order["type"],
        "origQty": Decimal(order["quantity"]),
        "price": Decimal(order["price"]),
    }
