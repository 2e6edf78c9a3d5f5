"""One executor of a round, from both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.chaos.plans import Plan
from bench.chaos.sums import Fill
from tests.safety.evidence import Happened

KEEPING = frozenset({"twap_executor", "order_executor"})
"""Types that only build up or reduce a position: what they traded is held, however they end."""
PAIRED = frozenset({"arbitrage_executor", "xemm_executor"})


class Case:
    """One executor: its plan, what our API shows, and its orders and executions on the exchange."""

    def __init__(self, executor_id: str, plan: Plan, shown: Mapping[str, Any]) -> None:
        self.id = executor_id
        self.plan = plan
        self.shown = shown
        self.orders: list[tuple[str, Mapping[str, Any]]] = []
        self.fills: list[Fill] = []
        self.placed: dict[str, Happened] = {}

    @property
    def name(self) -> str:
        return f"{self.id} ({self.plan.key}, {self.type})"

    @property
    def type(self) -> str:
        return str(self.plan.config["type"])

    @property
    def keeps(self) -> bool:
        """Whether what it traded is a hold now."""
        return bool(self.fills) and (self.type in KEEPING or self.shown["close_type"] == "POSITION_HOLD")

    @property
    def wishes(self) -> str:
        """For people."""
        return f"{self.shown['close_type']}, {len(self.orders)} orders, {len(self.fills)} fills"
