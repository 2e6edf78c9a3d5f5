"""What the clients of a round will ask for, drawn from its seed before anything happens."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CONNECTOR = "binance"
UNITS = {"BTC-USDT": Decimal("0.001"), "ETH-USDT": Decimal("0.02")}
"""The pairs traded, and the smallest amount asked for."""
CENT = Decimal("0.01")
SHAPES: tuple[tuple[str, str, float | None], ...] = (
    ("BUY", "MARKET", None),
    ("SELL", "MARKET", None),
    ("BUY", "LIMIT", 3.0),
    ("SELL", "LIMIT", 0.3),
    ("BUY", "LIMIT", 0.2),
    ("SELL", "LIMIT_MAKER", 5.0),
    ("BUY", "LIMIT", 0.9995),
    ("SELL", "LIMIT", 1.0005),
)
"""Side, type, and price next to the market's: two at market, two that cross it, two far from it, two that it may come to."""


@dataclass(frozen=True)
class Plan:
    """One order and what its client does about it.

    `twice`: two requests at once; `again`: the same request once more after the answer; `misuse`: another order under the
    same key; `cancel`: seconds after the answer to cancel it; `cancel_all`: cancel everything after it. `valid`: whether the
    exchange's rules allow it.
    """

    key: str
    body: dict[str, Any]
    valid: bool
    twice: bool
    again: bool
    misuse: bool
    cancel: float | None
    cancel_all: bool
    pause: float


def plans(account: str, seed: int, orders: int, prices: Mapping[str, float]) -> Iterator[Plan]:
    """The orders of one account. `prices` are the market's, by symbol."""
    chance = random.Random(f"{seed}/{account}")
    for number in range(orders):
        pair = chance.choice(sorted(UNITS))
        side, kind, distance = chance.choice(SHAPES)
        valid = chance.random() >= 0.02
        amount = UNITS[pair] * chance.randint(1, 5) if valid else Decimal("0.00000001")
        body: dict[str, Any] = {"account_name": account, "connector_name": CONNECTOR, "trading_pair": pair}
        body |= {"trade_type": side, "order_type": kind, "amount": str(amount)}
        if distance is not None:
            body["price"] = str((Decimal(prices[pair.replace("-", "")]) * Decimal(distance)).quantize(CENT))
        far = distance in (0.2, 5.0)
        yield Plan(
            key=f"safety-{account}-{number}",
            body=body,
            valid=valid,
            twice=chance.random() < 0.1,
            again=chance.random() < 0.1,
            misuse=chance.random() < 0.03,
            # At once, so that it meets the order on its way and its fills; or later.
            cancel=chance.choice((0.0, 0.0, 0.1, 0.5)) if chance.random() < (0.8 if far else 0.3) else None,
            cancel_all=chance.random() < 0.01,
            pause=chance.uniform(0.0, 0.25),
        )
