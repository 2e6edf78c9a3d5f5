"""The executors of a round, drawn from its seed before anything happens: every type on every market it can trade on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SPOT, FUTURES = CONNECTORS = "binance", "binance_perpetual"
ACCOUNTS = 2
"""Of a round; the second holds long and short positions of a contract apart (hedge mode)."""
SIDES = ("BUY", "SELL")
UNITS = {
    (SPOT, "BTC-USDT"): Decimal("0.001"),
    (SPOT, "ETH-USDT"): Decimal("0.02"),
    (FUTURES, "BTC-USDT"): Decimal("0.004"),
    (FUTURES, "ETH-USDT"): Decimal("0.05"),
}
"""The smallest amount asked for."""
PLACES = {SPOT: Decimal("0.01"), FUTURES: Decimal("0.1")}
"""Of prices, fit for both pairs."""


@dataclass(frozen=True)
class Plan:
    """One executor and what becomes of it: created `begin` seconds into the round, and stopped at `stop`, if ever, keeping its
    position or not; `keep` is None when the stop says nothing about it. `account` is a number.
    """

    key: str
    account: int
    config: dict[str, Any]
    begin: float
    stop: float | None
    keep: bool | None


class Drawn:
    """Draws the plans of one round. `prices` are the spot market's, by symbol."""

    def __init__(self, name: str, each: int, seconds: float, prices: Mapping[str, float]) -> None:
        self._name = name
        self._chance = random.Random(name)
        self._each = each
        self._seconds = seconds
        self._prices = prices

    def plans(self) -> Iterator[Plan]:
        """`each` executors of every type and market."""
        number = 0
        for _ in range(self._each):
            for config in (*self._on(SPOT), *self._on(FUTURES), self._arbitrage(), self._xemm()):
                stops = self._chance.random() < 0.5
                yield Plan(
                    key=f"{self._name}-{number}",
                    account=self._chance.randrange(ACCOUNTS),
                    config=config,
                    begin=self._chance.uniform(0, self._seconds * 0.4),
                    stop=self._chance.uniform(self._seconds * 0.3, self._seconds) if stops else None,
                    keep=self._chance.choice((None, False, False, True)),
                )
                number += 1

    def _on(self, connector: str) -> Iterator[dict[str, Any]]:
        for draw in (self._position, self._grid, self._dca, self._twap, self._order):
            pair, side = self._chance.choice(("BTC-USDT", "ETH-USDT")), self._chance.choice(SIDES)
            market = {"connector_name": connector, "trading_pair": pair, "side": side}
            yield market | draw(connector, pair, side)

    def _amount(self, connector: str, pair: str) -> Decimal:
        return UNITS[connector, pair] * self._chance.randint(1, 4)

    def _near(self, connector: str, pair: str, away: float) -> str:
        """A price next to the market's, by a share of it."""
        return str((Decimal(self._prices[pair.replace("-", "")]) * Decimal(1 + away)).quantize(PLACES[connector]))

    def _position(self, connector: str, pair: str, side: str) -> dict[str, Any]:
        kind = self._chance.choice(("MARKET", "LIMIT", "LIMIT", "LIMIT_MAKER"))
        barriers: dict[str, Any] = {
            "open_order_type": kind,
            "take_profit": "0.002",
            "take_profit_order_type": self._chance.choice(("LIMIT", "MARKET")),
            "stop_loss": "0.003",
            "time_limit": self._chance.randint(8, 40),
        }
        if self._chance.random() < 0.3:
            barriers["trailing_stop"] = {"activation_price": "0.001", "trailing_delta": "0.0005"}
        config = {"type": "position_executor", "amount": str(self._amount(connector, pair)), "triple_barrier_config": barriers}
        return config if kind == "MARKET" else config | {"entry_price": self._near(connector, pair, self._away(0.001))}

    def _grid(self, connector: str, pair: str, side: str) -> dict[str, Any]:
        sign = 1 if side == "BUY" else -1
        start, end = sorted((-0.004 * sign, 0.001 * sign))
        least = UNITS[connector, pair] * Decimal(self._prices[pair.replace("-", "")])
        return {
            "type": "grid_executor",
            "start_price": self._near(connector, pair, start),
            "end_price": self._near(connector, pair, end),
            "limit_price": self._near(connector, pair, -0.03 * sign),
            "total_amount_quote": str((least * 5).quantize(Decimal(1))),
            "min_order_amount_quote": str(least.quantize(Decimal(1))),
            "max_open_orders": self._chance.randint(2, 5),
            "triple_barrier_config": {
                "open_order_type": self._chance.choice(("LIMIT", "LIMIT_MAKER")),
                "take_profit": "0.001",
                "take_profit_order_type": "LIMIT_MAKER",
                "time_limit": self._chance.randint(15, 60),
            },
        }

    def _dca(self, connector: str, pair: str, side: str) -> dict[str, Any]:
        sign = 1 if side == "BUY" else -1
        away = [float(step) * sign for step in (-0.0003, -0.0008, -0.0015)]
        quote = (self._amount(connector, pair) * Decimal(self._prices[pair.replace("-", "")]) * 2).quantize(Decimal(1))
        return {
            "type": "dca_executor",
            "amounts_quote": [str(quote)] * len(away),
            "prices": [self._near(connector, pair, each) for each in away],
            "take_profit": "0.002",
            "stop_loss": "0.004",
            "time_limit": self._chance.randint(10, 40),
            "mode": self._chance.choice(("MAKER", "MAKER", "TAKER")),
        }

    def _twap(self, connector: str, pair: str, side: str) -> dict[str, Any]:
        orders = self._chance.randint(2, 4)
        quote = UNITS[connector, pair] * Decimal(self._prices[pair.replace("-", "")]) * orders * 2
        config: dict[str, Any] = {
            "type": "twap_executor",
            "total_amount_quote": str(quote.quantize(Decimal(1))),
            "total_duration": 4 * orders - 1,
            "order_interval": 4,
            "mode": self._chance.choice(("TAKER", "MAKER")),
        }
        maker = {"limit_order_buffer": "0.0001", "order_resubmission_time": 3}
        return config | maker if config["mode"] == "MAKER" else config

    def _order(self, connector: str, pair: str, side: str) -> dict[str, Any]:
        strategy = self._chance.choice(("MARKET", "LIMIT", "LIMIT_MAKER", "LIMIT_CHASER"))
        config: dict[str, Any] = {
            "type": "order_executor",
            "amount": str(self._amount(connector, pair)),
            "execution_strategy": strategy,
            "price": self._near(connector, pair, self._away(0.001)),
        }
        chaser = {"chaser_config": {"distance": "0.0002", "refresh_threshold": "0.0003"}}
        return config | chaser if strategy == "LIMIT_CHASER" else config

    def _arbitrage(self) -> dict[str, Any]:
        return self._both("arbitrage_executor") | {"min_profitability": self._chance.choice(("-0.01", "-0.01", "0.0005"))}

    def _xemm(self) -> dict[str, Any]:
        profit = {"min_profitability": "-0.003", "target_profitability": "-0.001", "max_profitability": "0.001"}
        return self._both("xemm_executor") | {"maker_side": self._chance.choice(SIDES)} | profit

    def _both(self, type_: str) -> dict[str, Any]:
        """On both connectors; the spot market sells more often, for the engine asks for base to sell."""
        pair = self._chance.choice(("BTC-USDT", "ETH-USDT"))
        buying, selling = (FUTURES, SPOT) if self._chance.random() < 0.7 else (SPOT, FUTURES)
        return {
            "type": type_,
            "buying_market": {"connector_name": buying, "trading_pair": pair},
            "selling_market": {"connector_name": selling, "trading_pair": pair},
            "order_amount": str(self._amount(FUTURES, pair)),
        }

    def _away(self, furthest: float) -> float:
        return self._chance.uniform(-furthest, furthest)
