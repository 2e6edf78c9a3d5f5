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


class DifferencePage(BaseModel):
    """A page of differences, newest first."""

    data: list[PositionDifference]
    pagination: Pagination
