"""The same messages in every order, each told once or twice: the order always ends in the same state, with the same fills."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import permutations

import pytest
from contracts.rejections import Rejection
from contracts.trading import OrderCompleted, OrderEvent, OrderFilled, OrderStatus
from order_examples import ID, T, fill, place, report
from trading.domain.order import ORDER
from trading.domain.order_commands import (
    Action,
    Heard,
    OrderCommand,
    RecordCancelled,
    RecordCancelRefused,
    RecordSubmitted,
    RecordUnproven,
    RequestCancel,
)

CREATED = RecordSubmitted(exchange_order_id="7", time=T)
CREATE_UNPROVEN = RecordUnproven(action=Action.SUBMIT, reason="time-out")
WANT_CANCEL = RequestCancel(order_id=ID, account="main", connector="binance")
CANCELLED = RecordCancelled(reason="cancelled", evidence="DELETE", time=T)
CANCEL_PUSHED = report(Heard.CANCELLED)
CANCEL_REFUSED = RecordCancelRefused(reason="-2011")
CANCEL_UNPROVEN = RecordUnproven(action=Action.CANCEL, reason="time-out")
OPEN, PARTLY, FILLED = report(Heard.OPEN), report(Heard.PARTIALLY_FILLED), report(Heard.FILLED)
SOME, REST = fill("1", "0.4"), fill("2", "0.6", "90")


def ended(commands: Sequence[OrderCommand]) -> tuple[OrderStatus, list[OrderEvent]]:
    """The status and the events after a placed order's messages."""
    state, events = ORDER.initial, []
    for command in (place(), *commands):
        try:
            new = ORDER.decide(state, command)
        except Rejection:
            new = []  # a client that asks to cancel what has ended is told so
        state = ORDER.fold(state, new)
        events += new
    return state.status, events


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        # Fills before the answer to the create, and before the message that the order is there.
        ((CREATED, OPEN, SOME, REST), OrderStatus.FILLED),
        ((CREATE_UNPROVEN, CREATED, SOME, REST, PARTLY), OrderStatus.FILLED),
        ((CREATE_UNPROVEN, OPEN, SOME, REST, FILLED), OrderStatus.FILLED),
        # A cancel races the fills and loses: its refusal, or its doubtful outcome, comes before, between or after them.
        ((CREATED, WANT_CANCEL, CANCEL_REFUSED, SOME, REST), OrderStatus.FILLED),
        ((WANT_CANCEL, CANCEL_UNPROVEN, CANCEL_REFUSED, SOME, REST, FILLED), OrderStatus.FILLED),
        # A cancel races a fill and wins what is left; the fill may be told after "cancelled".
        ((CREATED, WANT_CANCEL, CANCELLED, SOME), OrderStatus.CANCELLED),
        ((CREATED, WANT_CANCEL, CANCELLED, CANCEL_PUSHED, SOME, PARTLY), OrderStatus.CANCELLED),
        ((CREATE_UNPROVEN, WANT_CANCEL, CANCEL_UNPROVEN, CANCEL_PUSHED, SOME), OrderStatus.CANCELLED),
        # "Cancelled" was said of an order that had been filled: the fills are the truth, whenever they are told.
        ((CREATED, WANT_CANCEL, CANCELLED, SOME, REST), OrderStatus.FILLED),
        ((CREATED, CANCEL_PUSHED, SOME, REST, FILLED), OrderStatus.FILLED),
        # A cancel nobody here asked for.
        ((CREATED, OPEN, CANCEL_PUSHED), OrderStatus.CANCELLED),
    ],
)
@pytest.mark.parametrize("doubled", [False, True])
def test_every_order_of_the_messages_ends_the_same(
    messages: tuple[OrderCommand, ...], status: OrderStatus, doubled: bool
) -> None:
    fills = {command.trade_id: command.amount for command in (SOME, REST) if command in messages}
    for arrived in permutations(messages):
        told = [command for command in arrived for _ in range(2 if doubled else 1)]
        end, events = ended(told)
        assert end is status, arrived
        recorded = [event for event in events if isinstance(event, OrderFilled)]
        assert {event.trade_id: event.amount for event in recorded} == fills, arrived
        assert len(recorded) == len(fills), arrived
        completions = [event for event in events if isinstance(event, OrderCompleted)]
        assert [event.filled_amount for event in completions] == [Decimal(1)] * (status is OrderStatus.FILLED), arrived
        if completions:
            assert completions[0].average_price == Decimal(94), arrived
