"""Aggregate `hold` (stream `trading.hold-<key>`): a position that executors kept when they ended."""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Command, Event, Reply, Time, Token
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


class PositionHeld(_Hold, Event):
    """An executor ended and kept these fills. Once for each executor and hold."""

    account: Token
    connector: Token
    trading_pair: str
    controller_id: Token
    executor_id: Token
    fills: tuple[ExecutorFill, ...]
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
