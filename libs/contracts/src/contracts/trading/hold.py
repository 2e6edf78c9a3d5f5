"""Aggregate `hold` (stream `trading.hold-<key>`): a position that executors kept when they ended."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from contracts.message import Amount, Command, Event, Reply, Time, Token
from contracts.rejections import Kind, Rejection
from contracts.trading.executor import ExecutorFill


class _Hold:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "hold"


class ClearPositionHold(_Hold, Command):
    """Forget a position that was kept, for instance because it was closed elsewhere. Refused: PositionHoldUnknown."""

    account: Token
    connector: Token
    trading_pair: str
    controller_id: Token = "main"


class HoldForgotten(Reply):
    """What was cleared."""

    message: str
    connector_name: str
    trading_pair: str


class HeldPosition(Reply):
    """What a hold adds up to. Base amounts and quote sums are totals since it began.

    Matched volume is settled at average prices: `realized_pnl_quote` is what was sold less what was bought of it, before fees.
    `open_base` is what nothing matched, above zero bought, below zero sold; `open_quote` is what it was bought or sold for.
    """

    buy_amount_base: Amount = Decimal(0)
    buy_amount_quote: Amount = Decimal(0)
    sell_amount_base: Amount = Decimal(0)
    sell_amount_quote: Amount = Decimal(0)
    matched_amount_base: Amount = Decimal(0)
    open_base: Amount = Decimal(0)
    open_quote: Amount = Decimal(0)
    realized_pnl_quote: Amount = Decimal(0)
    cum_fees_quote: Amount = Decimal(0)


class PositionHeld(_Hold, Event):
    """An executor ended and kept these fills; `position` is the hold with them. Once for each of its ends and hold.

    `closing`: which end of the executor it was; it has another one after ExecutorReopened. `fills` are what none of its earlier
    ends had.
    """

    account: Token
    connector: Token
    trading_pair: str
    controller_id: Token
    executor_id: Token
    fills: tuple[ExecutorFill, ...]
    closing: int = 1
    position: HeldPosition = Field(default_factory=HeldPosition)
    time: Time


class PositionHoldCleared(_Hold, Event):
    """Somebody cleared the hold; fills that are kept later begin a new one."""

    account: Token
    connector: Token
    trading_pair: str
    controller_id: Token
    time: Time


HoldEvent = PositionHeld | PositionHoldCleared


class PositionHoldUnknown(Rejection):
    """No position is held there."""

    kind = Kind.NOT_FOUND
