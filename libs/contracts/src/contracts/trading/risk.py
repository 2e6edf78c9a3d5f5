"""Aggregate `risk` (stream `trading.risk-<account>`): what an account's orders may not exceed, and those refused for it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.message import Amount, Command, Event, Query, Reply, Time, Token
from contracts.rejections import Kind, Rejection
from contracts.trading.order import Side


class _Risk:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "risk"


class RiskRule(StrEnum):
    """The limits by name."""

    REDUCE_ONLY = "reduce_only"
    MAX_ORDER_NOTIONAL = "max_order_notional"
    MAX_POSITION_NOTIONAL = "max_position_notional"
    MAX_OPEN_ORDERS = "max_open_orders"
    MAX_ORDERS_PER_MINUTE = "max_orders_per_minute"
    MAX_DAILY_LOSS = "max_daily_loss"


class RiskLimits(Reply):
    """Limits of the orders on each connector of an account; None is no limit.

    Notionals and the loss are in US dollars: stablecoins of the dollar count as one. The loss is the realised one since
    midnight UTC. With `reduce_only` only orders are taken that make a position smaller.
    """

    max_order_notional: Amount | None = Field(default=None, gt=0)
    max_position_notional: Amount | None = Field(default=None, gt=0)
    max_open_orders: int | None = Field(default=None, ge=1)
    max_orders_per_minute: int | None = Field(default=None, ge=1)
    max_daily_loss: Amount | None = Field(default=None, gt=0)
    reduce_only: bool = False


class SetRiskLimits(_Risk, Command):
    """Replace the limits of an account, or those that bind one actor on it. Refused: AccountUnknown.

    Answered when every running session of the account goes by them. Unavailable: they are stored, but not every session has
    confirmed them; the same command again is safe.
    """

    account: Token
    actor: str | None = Field(default=None, min_length=1, max_length=128)
    limits: RiskLimits


class RiskLimitsAccepted(Reply):
    """The limits that hold now."""

    account: str
    actor: str | None
    limits: RiskLimits


class ReloadRiskLimits(_Risk, Command):
    """Read the account's limits anew. Session subject; sent by the replica that stored them."""

    account: Token
    connector: Token


class RiskLimitsReloaded(Reply):
    """The session goes by the limits as they are stored."""

    account: str
    connector: str


class RiskLimitsSet(_Risk, Event):
    """The limits of the account, or of one actor on it, from now on."""

    account: Token
    actor: str | None = None
    limits: RiskLimits
    time: Time


class RiskLimitHit(_Risk, Event):
    """Orders were refused for a limit; at most one event a minute for each rule and session.

    `actor` sent the order; `limit` and `value` are the numbers of the rule; `refused` counts the orders refused for the rule
    since its last event, this one included.
    """

    account: Token
    connector: Token
    rule: RiskRule
    limit: Amount
    value: Amount
    actor: str
    trading_pair: str
    side: Side
    amount: Amount
    price: Amount | None = None
    executor_id: Token | None = None
    refused: int = 1
    time: Time


RiskEvent = RiskLimitsSet | RiskLimitHit


class GetRiskLimits(_Risk, Query):
    """-> `{"account_name", "limits": {...}, "actors": {actor: {...}}}`; no limits: all null. Refused: AccountUnknown."""

    account: str


class RiskLimitExceeded(Rejection):
    """The order breaks a limit of the account's risk guard; names the rule and both numbers. Nothing was stored or sent."""

    kind = Kind.FORBIDDEN
