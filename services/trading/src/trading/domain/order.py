"""The order state machine: which events follow from a command, whatever the order messages arrive in.

Fills are facts: each is recorded once, in any state. A terminal state is changed by nothing but a proven fill, with one
exception: FAILED says that the order never existed, and the exchange's answer that it does exist refutes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from contracts.trading import (
    OrderCancelled,
    OrderCancelRefused,
    OrderCancelRequested,
    OrderCompleted,
    OrderEvent,
    OrderFilled,
    OrderIdReused,
    OrderNotOpen,
    OrderOutcomeResolved,
    OrderOutcomeUnknown,
    OrderPlaced,
    OrderRecorded,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
    OrderUnknown,
    PlaceOrder,
)
from eventlog.decider import Decider

from trading.domain.order_commands import (
    Action,
    Heard,
    OrderCommand,
    Place,
    RecordCancelled,
    RecordCancelRefused,
    RecordExternal,
    RecordFill,
    RecordFills,
    RecordRefused,
    RecordReport,
    RecordSubmitted,
    RecordUnproven,
    RequestCancel,
)
from trading.domain.order_state import Order, evolve
from trading.domain.rules import terms

Events = list[OrderEvent]


def decide(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:  # noqa: C901 - one arm per command
    """The events of a command; none when it tells nothing new. Raises the rejections of `Place` and `RequestCancel`."""
    match command:
        case Place():
            return _place(state, command)
        case RecordExternal():
            return _record_external(state, command)
        case RequestCancel():
            return _request_cancel(state, command)
        case RecordFill():
            return _record_fill(state, command)
        case RecordFills():
            return _record_fills(state, command)
        case RecordReport():
            return _record_report(state, command)
        case RecordUnproven():
            return _record_unproven(state, command)
        case RecordSubmitted():
            return _record_submitted(state, command)
        case RecordRefused():
            return _record_refused(state, command)
        case RecordCancelled():
            return _record_cancelled(state, command)
        case RecordCancelRefused():
            return _record_cancel_refused(state, command)
        case _:
            assert_never(command)


ORDER: Decider[Order, OrderCommand, OrderEvent] = Decider(initial=Order(), decide=decide, evolve=evolve)


def same_request(placed: OrderPlaced, command: PlaceOrder) -> bool:
    """Whether the stored intent is of this very request."""
    return (
        placed.account == command.account
        and placed.connector == command.connector
        and placed.trading_pair == command.trading_pair
        and placed.side is command.side
        and placed.order_type is command.order_type
        and placed.requested_amount == command.amount
        and placed.requested_price == command.price
        and placed.position_action is command.position_action
        and (placed.executor_id, placed.controller_id) == (command.executor_id, command.controller_id)
    )


def _place(state: Order, command: Place) -> Events:
    order = command.order
    if state.origin is not None:
        # The same command again never comes here. Narrow client order ids (31 bits on some exchanges) may repeat.
        raise OrderIdReused(f"Order '{command.order_id}' exists already, of another command")
    numbers = terms(order, command.market)
    placed = OrderPlaced(
        order_id=command.order_id,
        account=order.account,
        connector=order.connector,
        trading_pair=order.trading_pair,
        side=order.side,
        order_type=order.order_type,
        amount=numbers.amount,
        price=numbers.price,
        requested_amount=order.amount,
        requested_price=order.price,
        position_action=order.position_action,
        executor_id=order.executor_id,
        controller_id=order.controller_id,
    )
    return [placed, *_completion(evolve(state, placed), command.order_id)]


def _record_external(state: Order, command: RecordExternal) -> Events:
    origin = state.origin
    if origin is not None:
        if (origin.account, origin.connector) != (command.account, command.connector):
            raise OrderIdReused(f"Order '{command.order_id}' belongs to {origin.account} on {origin.connector}")
        return []
    recorded = OrderRecorded.model_validate(command.model_dump())
    return [recorded, *_completion(evolve(state, recorded), command.order_id)]


def _record_submitted(state: Order, command: RecordSubmitted) -> Events:
    if state.origin is None or state.closed is not None or state.exchange_order_id is not None:
        return []
    if state.unknown is Action.SUBMIT:
        return [_resolved(state, command.exchange_order_id, "the exchange's late acknowledgement")]
    order_id = state.origin.order_id
    return [OrderSubmitted(order_id=order_id, exchange_order_id=command.exchange_order_id, time=command.time)]


def _record_refused(state: Order, command: RecordRefused) -> Events:
    if state.origin is None or state.closed is not None or state.acknowledged:
        return []
    return [OrderRejected(order_id=state.origin.order_id, reason=command.reason, evidence=command.evidence)]


def _record_unproven(state: Order, command: RecordUnproven) -> Events:
    if state.origin is None or state.closed is not None or state.unknown is not None:
        return []
    settled = state.acknowledged if command.action is Action.SUBMIT else not state.cancel_wanted
    if settled:
        return []
    return [OrderOutcomeUnknown(order_id=state.origin.order_id, action=command.action.value, reason=command.reason)]


def _record_fill(state: Order, command: RecordFill) -> Events:
    if command.trade_id in state.trade_ids:
        return []
    fill = OrderFilled.model_validate(command.model_dump())
    events: Events = []
    if state.unknown is Action.SUBMIT or state.closed is OrderStatus.FAILED:
        events.append(_resolved(state, command.exchange_order_id, f"execution {command.trade_id}"))
    filled = evolve(state, fill)
    return [*events, fill, *_completion(filled, command.order_id)]


def _record_fills(state: Order, command: RecordFills) -> Events:
    events: Events = []
    for fill in command.fills:
        new = _record_fill(state, fill)
        state = ORDER.fold(state, new)
        events += new
    return events


def _completion(state: Order, order_id: str) -> Events:
    if not state.full or state.closed is OrderStatus.FILLED or state.average_price is None:
        return []
    return [OrderCompleted(order_id=order_id, filled_amount=state.filled_amount, average_price=state.average_price)]


def _record_report(state: Order, command: RecordReport) -> Events:
    if state.origin is None:
        return []
    match command.heard:
        case Heard.OPEN | Heard.PARTIALLY_FILLED:
            return _existence(state, command)
        case Heard.FILLED:
            return _heard_filled(state, command)
        case Heard.CANCELLED:
            return _off_the_book(state, command.reason, command)
        case Heard.FAILED:
            return _heard_failed(state, command)
        case Heard.NOT_FOUND:
            return _not_found(state, command)
        case _:
            assert_never(command.heard)


def _existence(state: Order, command: RecordReport) -> Events:
    """The order is there. That says nothing about a cancel while the cancel may still be under way."""
    if state.origin is None or (state.closed is not None and not _refuted(state, command)):
        return []
    if state.closed is not None or state.unknown is Action.SUBMIT or (state.unknown is Action.CANCEL and command.settled):
        return [_resolved(state, command.exchange_order_id, command.evidence)]
    if state.exchange_order_id is None and command.exchange_order_id is not None:
        order_id = state.origin.order_id
        return [OrderSubmitted(order_id=order_id, exchange_order_id=command.exchange_order_id, time=command.time)]
    return []


def _refuted(state: Order, command: RecordReport) -> bool:
    return state.closed is OrderStatus.FAILED and not state.acknowledged and command.asked


def _heard_filled(state: Order, command: RecordReport) -> Events:
    events = _existence(state, command)
    after = ORDER.fold(state, events)
    if after.closed is not None or not command.fills_read or after.average_price is None or state.origin is None:
        return events
    if after.unknown is not None:  # the final word, also about a cancel that is still under way
        resolved = _resolved(after, command.exchange_order_id, command.evidence)
        events = [*events, resolved.model_copy(update={"status": OrderStatus.FILLED})]
    # The exchange calls the order filled and all its executions are known: what they sum to is the whole.
    order_id = state.origin.order_id
    return [
        *events,
        OrderCompleted(order_id=order_id, filled_amount=after.filled_amount, average_price=after.average_price),
    ]


def _heard_failed(state: Order, command: RecordReport) -> Events:
    if state.origin is None or state.closed is not None:
        return []
    if state.filled_amount:
        return _off_the_book(state, command.reason, command)
    return [OrderRejected(order_id=state.origin.order_id, reason=command.reason, evidence=command.evidence)]


def _not_found(state: Order, command: RecordReport) -> Events:
    """Proof only once nothing is under way: an order never heard of does not exist, one heard of is off the book."""
    if state.origin is None or state.closed is not None or not (command.asked and command.settled):
        return []
    if state.acknowledged:
        return _off_the_book(state, command.reason, command) if command.fills_read else []
    return [OrderRejected(order_id=state.origin.order_id, reason=command.reason, evidence=command.evidence)]


def _off_the_book(state: Order, reason: str, proof: RecordReport | RecordCancelled) -> Events:
    if state.origin is None or state.closed is not None:
        return []
    order_id = state.origin.order_id
    exchange_order_id = proof.exchange_order_id if isinstance(proof, RecordReport) else None
    cancelled = OrderCancelled(order_id=order_id, reason=reason, time=proof.time)
    if state.unknown is not None:
        resolved = _resolved(state, exchange_order_id, proof.evidence)
        return [resolved.model_copy(update={"status": OrderStatus.CANCELLED}), cancelled]
    if state.exchange_order_id is None and exchange_order_id is not None:
        # Late executions may name the order by the exchange's id only.
        return [OrderSubmitted(order_id=order_id, exchange_order_id=exchange_order_id, time=proof.time), cancelled]
    return [cancelled]


def _resolved(state: Order, exchange_order_id: str | None, evidence: str) -> OrderOutcomeResolved:
    order_id = state.origin.order_id if state.origin is not None else ""
    resolved = OrderOutcomeResolved(
        order_id=order_id,
        exchange_order_id=exchange_order_id or state.exchange_order_id,
        status=OrderStatus.OPEN,
        evidence=evidence,
    )
    return resolved.model_copy(update={"status": evolve(state, resolved).status})


def _request_cancel(state: Order, command: RequestCancel) -> Events:
    origin = state.origin
    detail = f"Order '{command.order_id}' not found in active orders"
    if origin is None or (origin.account, origin.connector) != (command.account, command.connector):
        raise OrderUnknown(detail)
    if state.closed is not None:
        raise OrderNotOpen(detail)
    return [] if state.cancel_wanted else [OrderCancelRequested(order_id=command.order_id)]


def _record_cancelled(state: Order, command: RecordCancelled) -> Events:
    return _off_the_book(state, command.reason, command)


def _record_cancel_refused(state: Order, command: RecordCancelRefused) -> Events:
    # An order the exchange has not acknowledged yet may still arrive there: the wish to cancel it stands.
    if state.origin is None or state.closed is not None or not state.cancel_wanted or not state.acknowledged:
        return []
    refused = OrderCancelRefused(order_id=state.origin.order_id, reason=command.reason)
    if state.unknown is None:
        return [refused]
    return [_resolved(state, None, f"the exchange refused the cancel: {command.reason}"), refused]
