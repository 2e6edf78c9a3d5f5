"""Order commands and events that the tests of the domain share."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.trading import (
    OrderCompleted,
    OrderFilled,
    OrderPlaced,
    OrderRecorded,
    OrderSubmitted,
    OrderType,
    PlaceOrder,
    Side,
)
from fake_exchange import rule
from trading.domain.order_commands import Heard, Place, RecordExternal, RecordFill, RecordReport
from trading.domain.rules import Market

T = datetime(2026, 11, 23, 10, tzinfo=UTC)
ID = "x-MG43PCSNa1"
FACTS: dict[str, Any] = {
    "account": "main",
    "connector": "binance",
    "trading_pair": "BTC-USDT",
    "side": Side.BUY,
    "order_type": OrderType.LIMIT,
}
ALL_TYPES = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET)


def request(**changes: Any) -> PlaceOrder:
    return PlaceOrder(**{**FACTS, "amount": Decimal(1), "price": Decimal(100), **changes})


def market(**changes: Any) -> Market:
    facts: dict[str, Any] = {
        "rule": rule("BTC-USDT"),
        "listed": (),
        "order_types": ALL_TYPES,
        "amount": Decimal(1),
        "price_below": Decimal(100),
        "price_above": Decimal(100),
    }
    return Market(**{**facts, **changes})


def place(**changes: Any) -> Place:
    return Place(order=request(**changes), order_id=ID, market=market())


def placed(**changes: Any) -> OrderPlaced:
    numbers = {"amount": Decimal(1), "price": Decimal(100), "requested_amount": Decimal(1), "requested_price": Decimal(100)}
    return OrderPlaced(**{**FACTS, "order_id": ID, **numbers, **changes})


def external() -> RecordExternal:
    return RecordExternal(
        **FACTS, order_id=ID, client_order_id=ID, amount=Decimal(1), price=Decimal(100), exchange_order_id="7", time=T
    )


def recorded() -> OrderRecorded:
    return OrderRecorded(
        **FACTS, order_id=ID, client_order_id=ID, amount=Decimal(1), price=Decimal(100), exchange_order_id="7", time=T
    )


def submitted() -> OrderSubmitted:
    return OrderSubmitted(order_id=ID, exchange_order_id="7", time=T)


def _fill(trade_id: str, amount: str, price: str) -> dict[str, Any]:
    return {
        **FACTS,
        "order_id": ID,
        "trade_id": trade_id,
        "exchange_order_id": "7",
        "price": Decimal(price),
        "amount": Decimal(amount),
        "fee": Decimal("0.001"),
        "fee_token": "BTC",
        "is_maker": True,
        "time": T,
    }


def fill(trade_id: str, amount: str, price: str = "100") -> RecordFill:
    return RecordFill(**_fill(trade_id, amount, price))


def filled(trade_id: str, amount: str, price: str = "100") -> OrderFilled:
    return OrderFilled(**_fill(trade_id, amount, price))


def completed(amount: str = "1", price: str = "100") -> OrderCompleted:
    return OrderCompleted(order_id=ID, filled_amount=Decimal(amount), average_price=Decimal(price))


def report(status: Heard, **changes: Any) -> RecordReport:
    facts: dict[str, Any] = {"exchange_order_id": "7", "reason": "said so", "evidence": "GET /order", "time": T}
    return RecordReport(heard=status, **{**facts, **changes})
