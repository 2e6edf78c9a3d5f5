"""Answers of /trading."""

from __future__ import annotations

from contracts.trading import OrderStatus, OrderType, PositionAction, Side
from pydantic import BaseModel, ConfigDict, Field


class TradeResponse(BaseModel):
    """An accepted order. Amount and price are decimal text, as requested."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "order_id": "HBOTBBCUT6a1b2c3d4e5f60718293",
                "account_name": "master_account",
                "connector_name": "binance",
                "trading_pair": "BTC-USDT",
                "trade_type": "BUY",
                "amount": "0.01",
                "order_type": "LIMIT",
                "price": "60000",
                "status": "submitted",
            }
        }
    )

    order_id: str = Field(description="The client order id, by which the order is cancelled and found.")
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: str
    amount: str
    order_type: str
    price: str | None
    status: str = "submitted"


class OrderRehearsal(BaseModel):
    """An order that would be taken. Amount and price are those that would be sent, rounded as the exchange trades."""

    dry_run: bool = True
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    order_type: OrderType
    amount: str
    price: str | None
    position_action: PositionAction


class CancelRehearsal(BaseModel):
    """With `dry_run=true`: the orders whose cancellation would be started."""

    dry_run: bool = True
    order_ids: list[str]


class CancelledOrders(BaseModel):
    """The orders whose cancellation was started."""

    message: str = Field(examples=["Cancellation initiated for 2 orders"])
    order_ids: list[str]


class Pagination(BaseModel):
    """Where a page ends. `total_count` counts all rows the filters match."""

    limit: int
    has_more: bool
    next_cursor: str | None
    total_count: int


class Order(BaseModel):
    """An order as it is known now. UNKNOWN: its outcome on the exchange is being resolved."""

    order_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    order_type: OrderType
    amount: float
    price: float | None
    status: OrderStatus
    filled_amount: float
    average_fill_price: float | None
    fee_paid: float | None
    fee_currency: str | None
    created_at: str = Field(description="ISO 8601, UTC.")
    updated_at: str
    exchange_order_id: str | None
    error_message: str | None


class Trade(BaseModel):
    """One execution of an order on the exchange."""

    trade_id: str
    order_id: str | None
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    amount: float
    price: float
    fee_paid: float
    fee_currency: str | None
    timestamp: str = Field(description="ISO 8601, the exchange's time.")


class OrderPage(BaseModel):
    """A page of orders."""

    data: list[Order]
    pagination: Pagination


class TradePage(BaseModel):
    """A page of executions, newest first."""

    data: list[Trade]
    pagination: Pagination
