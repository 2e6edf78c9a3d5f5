"""The order decider model-checked: every interleaving of one order's life, and checkers that must find planted mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from contracts.trading import OrderCancelRefused, OrderEvent, OrderFilled, OrderRejected, OrderStatus
from eventlog.decider import Decider
from model_explorer import CounterExample, Explorer
from order_examples import ID
from trading.domain.order import ORDER
from trading.domain.order_commands import (
    Action,
    Heard,
    OrderCommand,
    RecordFill,
    RecordFills,
    RecordReport,
    RecordUnproven,
)
from trading.domain.order_state import Order

Decide = Callable[[Order, OrderCommand], Sequence[OrderEvent]]


def test_every_interleaving_keeps_the_books_right() -> None:
    explored = Explorer(ORDER).explore()
    print(explored)  # noqa: T201 - shown with -s, and when it fails
    assert explored.worlds > 20_000
    assert explored.orders >= 20
    assert explored.ends > 50


def counts_executions_twice(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:
    if isinstance(command, RecordFill) and command.trade_id in state.trade_ids:
        return [OrderFilled.model_validate(command.model_dump())]
    return ORDER.decide(state, command)


def overwrites_terminal_states(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:
    if isinstance(command, RecordUnproven) and state.closed is not None:
        return [OrderRejected(order_id=ID, reason="timed out", evidence="none")]
    return ORDER.decide(state, command)


def believes_not_found_at_once(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:
    if isinstance(command, RecordReport) and command.heard is Heard.NOT_FOUND:
        command = command.model_copy(update={"settled": True})
    return ORDER.decide(state, command)


def drops_late_executions(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:
    if isinstance(command, RecordFill | RecordFills) and state.closed is OrderStatus.CANCELLED:
        return []
    return ORDER.decide(state, command)


def leaves_unknown_unasked(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:
    if isinstance(command, RecordReport) and not command.asked and state.unknown is Action.CANCEL and state.closed is None:
        return [OrderCancelRefused(order_id=ID, reason="a message calls it open")]
    return ORDER.decide(state, command)


def takes_a_time_out_for_a_refusal(state: Order, command: OrderCommand) -> Sequence[OrderEvent]:
    if isinstance(command, RecordUnproven) and command.action is Action.SUBMIT and not state.acknowledged:
        return [] if state.closed else [OrderRejected(order_id=ID, reason="timed out", evidence="none")]
    return ORDER.decide(state, command)


@pytest.mark.parametrize(
    ("decide", "wrong", "step"),
    [
        (counts_executions_twice, "recorded as filled", "a message tells of trade 1"),
        (overwrites_terminal_states, "a terminal state, became", "a message calls the order CANCELLED"),
        (believes_not_found_at_once, "may still come to exist", "the submit is sent"),
        (drops_late_executions, "in the end", "executes trade"),
        (leaves_unknown_unasked, "without evidence", "a message calls the order"),
        (takes_a_time_out_for_a_refusal, "FAILED is recorded", "the submit is sent"),
    ],
)
def test_a_mistake_in_the_decider_is_found(decide: Decide, wrong: str, step: str) -> None:
    broken = Decider(initial=ORDER.initial, decide=decide, evolve=ORDER.evolve)
    with pytest.raises(CounterExample) as found:
        Explorer(broken).explore()
    story = str(found.value)
    assert wrong in story.splitlines()[-1]
    assert step in story
    assert story.startswith("1. ")


def test_a_shell_that_sends_twice_is_found() -> None:
    with pytest.raises(CounterExample, match="sent 2 times"):
        Explorer(ORDER, resends=True).explore()
