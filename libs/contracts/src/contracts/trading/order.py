"""Aggregate `order` (stream `trading.order-<client order id>`): its commands, events and refusals.

Numbers are exact decimals; `time`s are the exchange's where it gives one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.message import Amount, Command, Event, Reply, Time, Token
from contracts.rejections import Kind, Rejection
from contracts.trading.position import PositionSide


class Side(StrEnum):
    """The side of an order; `trade_type` on the REST wire."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The order types of the contract."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"


class PositionAction(StrEnum):
    """For derivatives: whether the order opens or closes a position."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"


class OrderStatus(StrEnum):
    """The state of an order as REST shows it. UNKNOWN: an effect whose outcome is not proven yet."""

    SUBMITTED = "SUBMITTED"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.FAILED})


class _Order:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "order"


class PlaceOrder(_Order, Command):
    """Place an order. Served on the session's own subject by its lease holder.

    The client order id is derived from the command's message id, so the same command again is the same order. Refused:
    AccountUnknown, CredentialUnknown, TradingPairUnknown, OrderTypeUnsupported, OrderPriceMissing, OrderBelowMinimum,
    OrderAboveMaximum, OrderPriceInvalid, OrderRateExceeded. Unavailable: no session yet, session not reconciled, trading rules
    not loaded.
    """

    account: Token
    connector: Token
    trading_pair: str
    side: Side
    order_type: OrderType
    amount: Amount = Field(gt=0)
    price: Amount | None = None
    position_action: PositionAction = PositionAction.OPEN
    executor_id: Token | None = None
    controller_id: Token | None = None


class OrderAccepted(Reply):
    """The order's intent is stored. `amount` and `price` are as requested (the contract echoes them)."""

    order_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    amount: Amount
    order_type: OrderType
    price: Amount | None
    status: str = "submitted"


class CancelOrder(_Order, Command):
    """Ask the exchange to cancel an open order. Session subject. Refused: OrderUnknown when it is not open here."""

    account: Token
    connector: Token
    order_id: str


class CancelOrders(_Order, Command):
    """Cancel all open orders of a session, or of one trading pair. Session subject."""

    account: Token
    connector: Token
    trading_pair: str | None = None


class CancelRequested(Reply):
    """The ids whose cancellation was started."""

    order_ids: tuple[str, ...]


class OrderPlaced(_Order, Event):
    """The intent, quantised by the trading rules, stored before the exchange is called; with the executor that placed it."""

    order_id: Token
    account: Token
    connector: Token
    trading_pair: str
    side: Side
    order_type: OrderType
    amount: Amount
    price: Amount | None
    requested_amount: Amount
    requested_price: Amount | None
    position_action: PositionAction = PositionAction.OPEN
    executor_id: Token | None = None
    controller_id: Token | None = None


class OrderRecorded(_Order, Event):
    """An order found on the exchange that was not placed here; `client_order_id` is the exchange's own, not always a token."""

    order_id: Token
    account: Token
    connector: Token
    trading_pair: str
    side: Side
    order_type: OrderType
    amount: Amount
    price: Amount | None
    exchange_order_id: str
    time: Time
    client_order_id: str | None = None


class OrderSubmitted(_Order, Event):
    """The exchange acknowledged the order."""

    order_id: Token
    exchange_order_id: str
    time: Time


class OrderRejected(_Order, Event):
    """The exchange proved that the order does not and will not exist; `reason` is its own text."""

    order_id: Token
    reason: str
    evidence: str


class OrderOutcomeUnknown(_Order, Event):
    """A submit or a cancel whose outcome is not proven (`action`); it is resolved by asking, never blindly retried."""

    order_id: Token
    action: str
    reason: str


class OrderOutcomeResolved(_Order, Event):
    """The outcome was proven: the exchange's state of the order and the evidence it was read from."""

    order_id: Token
    exchange_order_id: str | None
    status: OrderStatus
    evidence: str


class OrderFilled(_Order, Event):
    """One execution on the exchange, once per exchange trade id; `position_side` where it belonged to a hedged position."""

    order_id: Token
    trade_id: str
    exchange_order_id: str | None
    account: Token
    connector: Token
    trading_pair: str
    side: Side
    order_type: OrderType
    price: Amount
    amount: Amount
    fee: Amount
    fee_token: str | None
    is_maker: bool | None = None
    time: Time
    position_side: PositionSide | None = None


class OrderCompleted(_Order, Event):
    """The whole amount is filled; follows the last fill in the same append."""

    order_id: Token
    filled_amount: Amount
    average_price: Amount


class OrderCancelRequested(_Order, Event):
    """A cancel is about to be sent."""

    order_id: Token


class OrderCancelRefused(_Order, Event):
    """The exchange refused the cancel; the order is as it was."""

    order_id: Token
    reason: str


class OrderCancelled(_Order, Event):
    """The exchange proved that the order is off the book (cancelled or expired)."""

    order_id: Token
    reason: str
    time: Time


OrderEvent = (
    OrderPlaced
    | OrderRecorded
    | OrderSubmitted
    | OrderRejected
    | OrderOutcomeUnknown
    | OrderOutcomeResolved
    | OrderFilled
    | OrderCompleted
    | OrderCancelRequested
    | OrderCancelRefused
    | OrderCancelled
)


class TradingPairUnknown(Rejection):
    """The exchange does not list the pair; names some that it lists."""

    kind = Kind.INVALID


class OrderTypeUnsupported(Rejection):
    """The connector does not support the order type; names those it supports."""

    kind = Kind.INVALID


class OrderPriceMissing(Rejection):
    """A limit order without a price."""

    kind = Kind.INVALID


class OrderPriceInvalid(Rejection):
    """The price is zero after quantisation or out of the rules."""

    kind = Kind.INVALID


class OrderBelowMinimum(Rejection):
    """Amount below min_order_size or notional below min_notional_size; names the rule and both numbers."""

    kind = Kind.INVALID


class OrderAboveMaximum(Rejection):
    """Amount above max_order_size."""

    kind = Kind.INVALID


class OrderUnknown(Rejection):
    """No open order of this id on this account and connector."""

    kind = Kind.NOT_FOUND


class OrderNotOpen(Rejection):
    """The order is in a terminal state."""

    kind = Kind.NOT_FOUND


class OrderIdReused(Rejection):
    """The same command id with another body."""

    kind = Kind.CONFLICT
