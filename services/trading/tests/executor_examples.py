"""Executors of every type on a market that does not move, for tests."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from contracts.trading import ExecutorType, OrderFilled, OrderStatus, OrderType, Side
from pydantic import JsonValue
from trading.adapters import executor_configs
from trading.adapters.executor import EngineExecutor
from trading.adapters.executor_market import Connector, Orders
from trading.adapters.executor_orders import Placed, Wanted

PAIR = {"connector_name": "binance", "trading_pair": "BTC-USDT"}
SPOT: dict[ExecutorType, dict[str, JsonValue]] = {
    ExecutorType.POSITION: {**PAIR, "side": "BUY", "amount": "0.1", "triple_barrier_config": {"stop_loss": "0.01"}},
    ExecutorType.DCA: {
        **PAIR,
        "side": "BUY",
        "amounts_quote": ["100", "200"],
        "prices": ["50000", "49000"],
        "take_profit": "0.1",
    },
    ExecutorType.GRID: {
        **PAIR,
        "side": "BUY",
        "start_price": "49000",
        "end_price": "51000",
        "limit_price": "48000",
        "total_amount_quote": "1000",
        "triple_barrier_config": {"take_profit": "0.001"},
    },
    ExecutorType.TWAP: {
        **PAIR,
        "side": 1,
        "total_amount_quote": "1000",
        "total_duration": 60,
        "order_interval": 10,
        "mode": "TAKER",
    },
    ExecutorType.ORDER: {**PAIR, "side": "BUY", "amount": "0.1", "execution_strategy": "MARKET"},
    ExecutorType.ARBITRAGE: {
        "buying_market": dict(PAIR),
        "selling_market": {**PAIR, "trading_pair": "BTC-USDC"},
        "order_amount": "0.1",
        "min_profitability": "0.001",
    },
    ExecutorType.XEMM: {
        "buying_market": dict(PAIR),
        "selling_market": {**PAIR, "trading_pair": "BTC-USDC"},
        "maker_side": "BUY",
        "order_amount": "0.1",
        "min_profitability": "0.001",
        "target_profitability": "0.002",
        "max_profitability": "0.003",
    },
}


class FixedBooks:
    """A market that does not move."""

    def top(self, _connector: str, _pair: str) -> tuple[Decimal, Decimal]:
        return Decimal(49999), Decimal(50001)

    def book(self, _connector: str, _pair: str) -> Any:
        return SimpleNamespace(get_price_for_volume=lambda *_: SimpleNamespace(result_price=50000.0))


class Rules:
    """As much of an engine connector as constructors and first steps ask for."""

    def __init__(self) -> None:
        rule = SimpleNamespace(
            min_order_size=Decimal("0.00001"),
            min_notional_size=Decimal(5),
            min_base_amount_increment=Decimal("0.00001"),
            min_price_increment=Decimal("0.01"),
        )
        self.trading_rules = {"BTC-USDT": rule, "BTC-USDC": rule}
        self.budget_checker = SimpleNamespace(adjust_candidates=lambda candidates: candidates)

    def supported_order_types(self) -> list[Any]:
        from hummingbot.core.data_type.common import OrderType as EngineOrderType

        return list(EngineOrderType)

    def get_fee(self, **_order: Any) -> Any:
        from hummingbot.core.data_type.trade_fee import AddedToCostTradeFee

        return AddedToCostTradeFee(percent=Decimal("0.001"))

    def quantize_order_amount(self, trading_pair: str, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal("0.00001"))


def built(type_: ExecutorType, asked: list[Wanted], config: dict[str, JsonValue] | None = None) -> EngineExecutor:
    complete = config or complete_config(type_)
    orders = Orders()
    connectors = {"binance": Connector("binance", Rules(), FixedBooks(), orders)}  # type: ignore[arg-type]

    def place(wanted: Wanted) -> str:
        asked.append(wanted)
        return f"o{len(asked)}"

    return EngineExecutor(type_, complete, connectors, orders, place, lambda _: None)


def complete_config(type_: ExecutorType) -> dict[str, JsonValue]:
    config = {"type": type_.value, "id": "e1", "timestamp": time.time(), "controller_id": "main", **SPOT[type_]}
    return executor_configs.checked(type_, config)


def filled_order(order_id: str, wanted: Wanted) -> Placed:
    price = wanted.price or Decimal(50000)
    fill = OrderFilled(
        order_id=order_id,
        trade_id=f"t{order_id}",
        exchange_order_id="1",
        account="main",
        connector="binance",
        trading_pair=wanted.trading_pair,
        side=Side(wanted.side),
        order_type=OrderType(wanted.order_type),
        price=price,
        amount=wanted.amount,
        fee=Decimal("0.01"),
        fee_token="USDT",
        time=datetime.now(UTC),
    )
    return Placed(order_id, wanted, fill.time, "1", OrderStatus.FILLED, wanted.amount, price * wanted.amount, price, (fill,))
