"""Trading whose executors store what they ask for and then do not send it: what a process leaves that dies in between."""

from __future__ import annotations

from service_kit.service import run
from trading.app import build
from trading.handlers.executor_orders import OrderBook
from trading.settings import Settings


def withheld(_orders: OrderBook, _asked: list[tuple[str, bool]]) -> None:
    """Nothing leaves."""


if __name__ == "__main__":
    OrderBook.send = withheld  # type: ignore[method-assign,assignment]
    run(build(Settings()))
