"""The exchange's books, added up from its journal: its files are read as they are, with none of its code."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path
from typing import Any
from zlib import crc32

QUOTE = "USDT"
"""The quote of every listed pair and contract, and the token of futures wallets."""
EXACT = Context(prec=60, traps=[Inexact])


def ledgers(directory: Path) -> dict[str, dict[str, Any]]:
    """By API key, the orders, trades and balances of every account, and under `futures` the same of its contracts.

    Raises ValueError for a journal that is not whole.
    """
    spot, futures, keys = _Spot(), _Futures(), dict[str, str]()
    with localcontext(EXACT):
        for record in _records(directory):
            for event in record.get("events", ()):
                if event["event"] == "AccountOpened":
                    keys[event["account"]] = event["api_key"]
                spot.apply(event)
            for event in record.get("perpetual", ()):
                futures.apply(event)
        return {key: {**spot.ledger(account), "futures": futures.ledger(account)} for account, key in keys.items()}


def _records(directory: Path) -> Iterator[dict[str, Any]]:
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
            yield record


def _per_token() -> defaultdict[str, defaultdict[str, Decimal]]:
    return defaultdict(lambda: defaultdict(Decimal))


@dataclass
class _Books(ABC):
    """Orders by number, and by account its trades and what came and went, locked or not."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    owned: defaultdict[str, defaultdict[str, Decimal]] = field(default_factory=_per_token)
    trades: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, event: dict[str, Any]) -> None:
        """Add one event; those that move nothing are passed over."""
        match event["event"]:
            case "Deposited":
                self.owned[event["account"]][event.get("asset", QUOTE)] += Decimal(event["amount"])
            case "Withdrawn":
                self.owned[event["account"]][event.get("asset", QUOTE)] -= Decimal(event["amount"])
            case "OrderAccepted":
                self.orders[event["order"]] = event | {"status": "NEW", "executed": Decimal(0), "closed_at": None}
            case "OrderClosed":
                self.orders[event["order"]] |= {"status": event["status"], "closed_at": event["at"]}
            case "Traded":
                self._traded(event, event["taker"], "taker")
                self._traded(event, event["maker"], "maker")

    @abstractmethod
    def settle(self, order: dict[str, Any], trade: dict[str, Any], role: str) -> str:
        """Move what a trade moves; the token of its fee."""

    def told(self, account: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The orders and the trades of an account."""
        return [_told(order) for order in self.orders.values() if order["account"] == account], self.trades[account]

    def _traded(self, trade: dict[str, Any], number: int, role: str) -> None:
        if not number:
            return  # the market maker's side
        order = self.orders[number]
        order["executed"] += Decimal(trade["quantity"])
        filled = order["executed"] >= Decimal(order["quantity"])
        order |= {"status": "FILLED", "closed_at": trade["at"]} if filled else {"status": "PARTIALLY_FILLED"}
        told = {
            "id": trade["trade"],
            "price": Decimal(trade["price"]),
            "qty": Decimal(trade["quantity"]),
            "commission": Decimal(trade[f"{role}_fee"]),
            "commissionAsset": self.settle(order, trade, role),
            "clientOrderId": order["client_order_id"],
            "symbol": order["symbol"],
            "side": order["side"],
            "time": trade["at"],
        }
        self.trades[order["account"]].append(told)


class _Spot(_Books):
    """Balances change by what is bought and sold; a fee is in what its side receives."""

    def settle(self, order: dict[str, Any], trade: dict[str, Any], role: str) -> str:
        owned, base = self.owned[order["account"]], trade["symbol"].removesuffix(QUOTE)
        buys, quantity = order["side"] == "BUY", Decimal(trade["quantity"])
        sign = 1 if buys else -1
        owned[base] += sign * quantity
        owned[QUOTE] -= sign * Decimal(trade["price"]) * quantity
        fee_asset = base if buys else QUOTE
        owned[fee_asset] -= Decimal(trade[f"{role}_fee"])
        return fee_asset

    def ledger(self, account: str) -> dict[str, Any]:
        """Orders, trades and balances of an account."""
        locked: dict[str, Decimal] = defaultdict(Decimal)
        for order in self.orders.values():
            if order["account"] == account and order["status"] in ("NEW", "PARTIALLY_FILLED"):
                remaining, buys = Decimal(order["quantity"]) - order["executed"], order["side"] == "BUY"
                asset = QUOTE if buys else order["symbol"].removesuffix(QUOTE)
                locked[asset] += remaining * Decimal(order["price"]) if buys else remaining
        orders, trades = self.told(account)
        balances = {
            asset: {"free": total - locked[asset], "locked": locked[asset]} for asset, total in self.owned[account].items()
        }
        return {"orders": orders, "trades": trades, "balances": balances}


@dataclass
class _Futures(_Books):
    """The wallet changes by profits, fees and funding; `positions` are net base amounts by account, symbol and side."""

    positions: defaultdict[str, defaultdict[tuple[str, str], Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Decimal))
    )
    funding: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "FundingPaid":
                paid = {name: event[name] for name in ("symbol", "tran", "at")} | {"income": Decimal(event["amount"])}
                self.funding[event["account"]].append(paid)
                self.owned[event["account"]][QUOTE] += paid["income"]
            case "InsuranceCleared":
                self.owned[event["account"]][QUOTE] += Decimal(event["amount"])
            case _:
                super().apply(event)

    def settle(self, order: dict[str, Any], trade: dict[str, Any], role: str) -> str:
        quantity = Decimal(trade["quantity"]) * (1 if order["side"] == "BUY" else -1)
        self.positions[order["account"]][order["symbol"], order["position_side"]] += quantity
        self.owned[order["account"]][QUOTE] += Decimal(trade[f"{role}_profit"]) - Decimal(trade[f"{role}_fee"])
        return QUOTE

    def ledger(self, account: str) -> dict[str, Any]:
        """Orders, trades, funding payments, open positions and the wallet of an account."""
        orders, trades = self.told(account)
        positions = {key: amount for key, amount in self.positions[account].items() if amount}
        wallet = self.owned[account][QUOTE]
        return {
            "orders": orders,
            "trades": trades,
            "funding": self.funding[account],
            "positions": positions,
            "wallet": wallet,
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
        "placed_at": order["at"],
        "closed_at": order["closed_at"],
    }
