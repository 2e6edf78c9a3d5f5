"""What the shell tells the order decider: intents already looked up, and what the exchange was heard to say."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from contracts.message import Command
from contracts.trading import OrderType, PlaceOrder, PositionSide, Side
from pydantic import ConfigDict, SkipValidation

from trading.domain.rules import Market


class Action(StrEnum):
    """The effect on the exchange whose outcome is in question."""

    SUBMIT = "submit"
    CANCEL = "cancel"


class Heard(StrEnum):
    """The exchange's word on an order. NOT_FOUND: it answered that it has no such order."""

    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    NOT_FOUND = "NOT_FOUND"


class _Internal(Command):
    """Never leaves the process."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "order"


class Place(_Internal):
    """Place `order` under `order_id`; `market` holds what the rules need to know."""

    order: PlaceOrder
    order_id: str
    market: SkipValidation[Market]


class RecordExternal(_Internal):
    """An order on the exchange that was not placed here. `client_order_id` is the exchange's, not always a token."""

    order_id: str
    client_order_id: str
    account: str
    connector: str
    trading_pair: str
    side: Side
    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    exchange_order_id: str
    time: datetime


class RecordSubmitted(_Internal):
    """The exchange acknowledged the submit."""

    exchange_order_id: str
    time: datetime


class RecordRefused(_Internal):
    """The exchange proved that the submit did nothing."""

    reason: str
    evidence: str


class RecordUnproven(_Internal):
    """A submit or cancel may or may not have reached the exchange."""

    action: Action
    reason: str


class RecordFill(_Internal):
    """One execution. The order's own facts are repeated, because a fill may be heard before the order is known."""

    order_id: str
    trade_id: str
    exchange_order_id: str | None
    account: str
    connector: str
    trading_pair: str
    side: Side
    order_type: OrderType
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_token: str | None
    is_maker: bool | None
    time: datetime
    position_side: PositionSide | None = None


class RecordFills(_Internal):
    """Executions of one order that were heard together."""

    fills: tuple[RecordFill, ...]


class RecordReport(_Internal):
    """The exchange's word on the order.

    `asked`: it answers a question of ours, it is not a pushed message that may be late. `settled`: nothing of ours about the
    order can still be under way. `fills_read`: the order's executions were all recorded after the exchange had said this.
    """

    heard: Heard
    exchange_order_id: str | None
    reason: str
    evidence: str
    time: datetime
    asked: bool = False
    settled: bool = False
    fills_read: bool = False


class RequestCancel(_Internal):
    """The owner wants the order off the book. Refused: OrderUnknown, OrderNotOpen."""

    order_id: str
    account: str
    connector: str


class RecordCancelled(_Internal):
    """The exchange acknowledged the cancel."""

    reason: str
    evidence: str
    time: datetime


class RecordCancelRefused(_Internal):
    """The exchange proved that the cancel did nothing."""

    reason: str


OrderCommand = (
    Place
    | RecordExternal
    | RecordSubmitted
    | RecordRefused
    | RecordUnproven
    | RecordFill
    | RecordFills
    | RecordReport
    | RequestCancel
    | RecordCancelled
    | RecordCancelRefused
)
