"""Answers of /trading about differences of positions."""

from __future__ import annotations

from contracts.trading import PositionSide
from contracts.trading.reconciliation import DifferenceReason, DifferenceStatus
from pydantic import BaseModel, Field

from gateway_api.views.trading import Pagination


class PositionDifference(BaseModel):
    """A difference between the executions of orders placed here and the exchange's position; amounts are decimal text."""

    difference_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    side: PositionSide | None = Field(description="Of a hedged position; null for the net position of the pair.")
    status: DifferenceStatus = Field(
        description="OPEN: it is so. CHANGED: another difference took its place. AGREED: the amounts agreed again."
    )
    filled_amount: str = Field(description="What executions of orders placed here add up to.", examples=["0.25"])
    external_amount: str = Field(description="What executions of orders placed elsewhere add up to.", examples=["0.25"])
    held_before: str = Field(description="What is proven to have been held before the account was known.")
    exchange_amount: str = Field(description="What the exchange holds; negative when short.", examples=["0.25"])
    difference: str = Field(description="`exchange_amount` less `filled_amount`.", examples=["0.25"])
    unexplained: str = Field(description="The part that nothing proven explains.", examples=["0.25"])
    entry_price: str | None = Field(description="The exchange's average.")
    reasons: list[DifferenceReason] = Field(description="Proven reasons only.")
    executions: int = Field(description="How many executions were counted.")
    last_trades: list[str] = Field(description="The `trade_id`s of the latest, newest first.")
    external_trades: list[str] = Field(description="The `trade_id`s of the latest of orders placed elsewhere, newest first.")
    trades_listed: bool = Field(description="The exchange lists the account's executions, and was asked for them.")
    exchange_time: str | None = Field(description="When the exchange last changed the position, where it tells.")
    since: str = Field(description="When the difference was first seen.")
    read_at: str = Field(description="When these amounts were read.")
    settled_at: str | None


class UnknownOrder(BaseModel):
    """An order of which it is not proven what the exchange did, with what is known of it; amounts are decimal text."""

    order_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: str
    order_type: str
    amount: str
    price: str | None
    filled_amount: str
    exchange_order_id: str | None
    executor_id: str | None
    acknowledged: bool = Field(description="The exchange once told that it has the order.")
    action: str = Field(description="What has no proven outcome: `submit` or `cancel`.", examples=["submit"])
    reason: str | None = Field(description="Why it is not proven.")
    since: str | None = Field(description="When it became unknown.")
    created_at: str
    updated_at: str


class DifferencePage(BaseModel):
    """A page of differences, newest first, and the orders that are unknown now."""

    data: list[PositionDifference]
    pagination: Pagination
    unknown_orders_count: int = Field(description="Of the accounts, connectors and pairs asked for.")
    unknown_orders: list[UnknownOrder] = Field(
        description="Those nothing was heard of the longest first, at most `limit`, whatever the cursor and the state."
    )
