"""The state of an order: facts folded from its events, and the status that follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from contracts.trading import (
    OrderCancelled,
    OrderCancelRefused,
    OrderCancelRequested,
    OrderCompleted,
    OrderEvent,
    OrderFilled,
    OrderOutcomeResolved,
    OrderOutcomeUnknown,
    OrderPlaced,
    OrderRecorded,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
)

from trading.domain import money
from trading.domain.order_commands import Action


@dataclass(frozen=True, slots=True)
class Order:
    """Facts about one order.

    `origin` is None while only fills are known. `acknowledged`: the exchange has proved that the order exists or existed.
    `unknown`: the effect whose outcome is not proven. `closed`: the terminal status, once there is one.
    """

    origin: OrderPlaced | OrderRecorded | None = None
    exchange_order_id: str | None = None
    acknowledged: bool = False
    cancel_wanted: bool = False
    unknown: Action | None = None
    closed: OrderStatus | None = None
    trade_ids: frozenset[str] = frozenset()
    filled_amount: Decimal = Decimal(0)
    filled_quote: Decimal = Decimal(0)

    @property
    def status(self) -> OrderStatus:
        """The status REST shows. `views.orders` computes the same from the same facts."""
        if self.closed is not None:
            return self.closed
        if self.unknown is not None:
            return OrderStatus.UNKNOWN
        if self.cancel_wanted:
            return OrderStatus.PENDING_CANCEL
        if self.filled_amount:
            return OrderStatus.PARTIALLY_FILLED
        return OrderStatus.OPEN if self.acknowledged else OrderStatus.SUBMITTED

    @property
    def average_price(self) -> Decimal | None:
        """Quote paid per base filled; None before the first fill."""
        return money.average_price(self.filled_quote, self.filled_amount)

    @property
    def full(self) -> bool:
        """Whether the known fills reach the order's amount."""
        return self.origin is not None and self.filled_amount >= self.origin.amount


def evolve(state: Order, event: OrderEvent) -> Order:  # noqa: C901 - one arm per event
    """The state after one event."""
    match event:
        case OrderPlaced():
            return replace(state, origin=event)
        case OrderRecorded():
            return replace(state, origin=event, acknowledged=True, exchange_order_id=event.exchange_order_id)
        case OrderSubmitted():
            return replace(_exists(state), exchange_order_id=event.exchange_order_id)
        case OrderOutcomeUnknown():
            return replace(state, unknown=Action(event.action))
        case OrderOutcomeResolved():
            return replace(_reopened(state), unknown=None, exchange_order_id=event.exchange_order_id or state.exchange_order_id)
        case OrderFilled():
            return _filled(state, event)
        case OrderCompleted():
            return _closed(state, OrderStatus.FILLED)
        case OrderCancelRequested():
            return replace(state, cancel_wanted=True)
        case OrderCancelRefused():
            return replace(state, cancel_wanted=False, unknown=None if state.unknown is Action.CANCEL else state.unknown)
        case OrderCancelled():
            return _closed(state, OrderStatus.CANCELLED)
        case OrderRejected():
            return _closed(state, OrderStatus.FAILED)
        case _:
            assert_never(event)


def _exists(state: Order) -> Order:
    """The exchange proved that the order exists or existed: its submit is not in question any more."""
    return replace(state, acknowledged=True, unknown=None if state.unknown is Action.SUBMIT else state.unknown)


def _reopened(state: Order) -> Order:
    """As `_exists`; a FAILED order that turned out to exist is alive again."""
    return replace(_exists(state), closed=None if state.closed is OrderStatus.FAILED else state.closed)


def _filled(state: Order, event: OrderFilled) -> Order:
    return replace(
        _reopened(state),
        exchange_order_id=state.exchange_order_id or event.exchange_order_id,
        trade_ids=state.trade_ids | {event.trade_id},
        filled_amount=money.add(state.filled_amount, event.amount),
        filled_quote=money.add(state.filled_quote, money.product(event.price, event.amount)),
    )


def _closed(state: Order, status: OrderStatus) -> Order:
    return replace(state, closed=status, unknown=None, cancel_wanted=False)
