"""Whether an executor had more on the exchange than its configuration asks for, at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from bench.chaos.cases import Case

SLACK = Decimal("1.02")
"""Amounts in quote are turned into base at prices that move."""


def committed_too_much(case: Case) -> Iterator[str]:
    """A line for each market and side that once had more, executed or waiting, than was asked for.

    Only orders that open: those that close trade back what these did.
    """
    for (connector, side), most in _asked(case.plan.config).items():
        peak = _peak(case, connector, side)
        if peak > most:
            yield f"{peak:f} to {side} on {connector} at once, asked for {most:f}"


def _asked(config: Mapping[str, Any]) -> dict[tuple[str, str], Decimal]:
    """The most base to trade by connector and side."""
    match config["type"]:
        case "position_executor" | "order_executor":
            most = Decimal(config["amount"])
        case "twap_executor":
            return {}  # its amounts in quote follow the market's price
        case "dca_executor":
            levels = zip(config["amounts_quote"], config["prices"], strict=True)
            most = SLACK * sum((Decimal(amount) / Decimal(price) for amount, price in levels), Decimal(0))
        case "grid_executor":
            most = SLACK * Decimal(config["total_amount_quote"]) / Decimal(config["start_price"])
        case _:
            most = Decimal(config["order_amount"])
            return {
                (config["buying_market"]["connector_name"], "BUY"): most,
                (config["selling_market"]["connector_name"], "SELL"): most,
            }
    return {(config["connector_name"], config["side"]): most}


def _peak(case: Case, connector: str, side: str) -> Decimal:
    """The most that its opening orders had executed or could execute together, less what a grid closed again.

    Where an account has one position of a contract, an executor that ends may close by an order that opens the other way, and,
    when that was the first half of a round trip, trade the difference back: what such an order executed is off.
    """
    changes: list[tuple[int, Decimal]] = []
    for where, order in case.orders:
        event = case.placed[order["clientOrderId"]]
        if where != connector or event.fields["position_action"] != "OPEN":
            continue
        if order["side"] != side:
            if case.type != "grid_executor":
                changes.append((order["placed_at"], -order["executedQty"]))
            continue
        changes.append((order["placed_at"], order["origQty"]))
        if order["closed_at"] is not None:
            changes.append((order["closed_at"], order["executedQty"] - order["origQty"]))
    if case.type == "grid_executor":
        for fill in case.fills:
            if fill.connector == connector and fill.buys is (side == "SELL"):
                changes.append((fill.time, -fill.amount))
    peak = now = Decimal(0)
    # What came within one moment counts before what went.
    for _, change in sorted(changes, key=lambda each: (each[0], -each[1])):
        now += change
        peak = max(peak, now)
    return peak
