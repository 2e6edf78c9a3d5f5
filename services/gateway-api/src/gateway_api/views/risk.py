"""Answers of the risk guard's routes."""

from __future__ import annotations

from contracts.trading import Side
from pydantic import BaseModel, Field


class RiskLimitsShown(BaseModel):
    """Limits in US dollars and counts; null is no limit."""

    max_order_notional: str | None = Field(default=None, examples=["5000"])
    max_position_notional: str | None = Field(default=None, examples=["20000"])
    max_open_orders: int | None = Field(default=None, examples=[50])
    max_orders_per_minute: int | None = Field(default=None, examples=[120])
    max_daily_loss: str | None = Field(default=None, examples=["500"])
    reduce_only: bool = False


class RiskLimitsResponse(BaseModel):
    """The limits of an account, and the tighter ones that bind single actors on it."""

    account_name: str
    limits: RiskLimitsShown
    actors: dict[str, RiskLimitsShown]


class RiskLimitsChanged(BaseModel):
    """The limits that hold now. `actor` is null when they are the account's."""

    account: str
    actor: str | None
    limits: RiskLimitsShown


class Closed(BaseModel):
    """A position that is closed, by this order."""

    connector_name: str
    trading_pair: str
    side: Side
    amount: str
    order_id: str


class Stays(BaseModel):
    """Something that could not be ended, and why."""

    connector_name: str | None
    what: str = Field(examples=["position of 0.5 on BTC-USDT"])
    reason: str


class Flattened(BaseModel):
    """What was ended, and what was not."""

    account_name: str
    executors_stopped: list[str]
    orders_cancelled: list[str]
    positions_closed: list[Closed]
    not_done: list[Stays]


class RiskLimitsRehearsal(RiskLimitsChanged):
    """With `dry_run=true`: the limits that would hold."""

    dry_run: bool = True


class ToClose(BaseModel):
    """A position that would be closed, by an order of this side and amount."""

    connector_name: str
    trading_pair: str
    side: Side
    amount: str


class FlattenRehearsal(BaseModel):
    """With `dry_run=true`: what would be ended, and the connectors whose session does not tell its positions now."""

    dry_run: bool = True
    account_name: str
    executors: list[str]
    orders: list[str]
    positions: list[ToClose]
    unknown_positions: list[str]
