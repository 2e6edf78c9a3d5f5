"""The decider under test, with its states numbered and its decisions remembered, and what must hold of each decision."""

from __future__ import annotations

from functools import cache

from contracts.rejections import Rejection
from contracts.trading import (
    TERMINAL,
    OrderCompleted,
    OrderEvent,
    OrderFilled,
    OrderOutcomeResolved,
    OrderRejected,
    OrderStatus,
)
from eventlog.decider import Decider
from model_world import HALF
from order_examples import ID, T, fill, place, report
from trading.domain.order_commands import (
    Action,
    Heard,
    OrderCommand,
    RecordCancelled,
    RecordCancelRefused,
    RecordFills,
    RecordRefused,
    RecordSubmitted,
    RecordUnproven,
    RequestCancel,
)
from trading.domain.order_state import Order


class Broken(Exception):
    """Something that must always hold does not."""


PLACE = place()
SUBMITTED = RecordSubmitted(exchange_order_id="7", time=T)
REFUSED = RecordRefused(reason="no money", evidence="-2010")
NOT_SENT = RecordRefused(reason="The order was not confirmed in time and not sent", evidence="not sent")
SUBMIT_UNPROVEN = RecordUnproven(action=Action.SUBMIT, reason="time-out")
CANCEL_UNPROVEN = RecordUnproven(action=Action.CANCEL, reason="time-out")
WANT_CANCEL = RequestCancel(order_id=ID, account="main", connector="binance")
CANCELLED = RecordCancelled(reason="cancelled", evidence="DELETE", time=T)
CANCEL_REFUSED = RecordCancelRefused(reason="-2011")


@cache
def execution(number: int) -> OrderCommand:
    """The exchange's trade of this number."""
    return fill(f"trade {number}", str(HALF))


@cache
def executions(number: int) -> OrderCommand:
    """All trades up to this one, read together."""
    return RecordFills(fills=tuple(fill(f"trade {each}", str(HALF)) for each in range(1, number + 1)))


@cache
def heard(status: Heard, asked: bool = False, settled: bool = False, fills_read: bool = False) -> OrderCommand:
    """The exchange's word on the order."""
    return report(status, asked=asked, settled=settled, fills_read=fills_read)


class Decisions:
    """Runs `decider`, whose initial state has the number 0."""

    def __init__(self, decider: Decider[Order, OrderCommand, OrderEvent]) -> None:
        self._decider = decider
        self._states = [decider.initial]
        self._numbers = {decider.initial: 0}
        self._made: dict[tuple[int, int], tuple[int, int] | None] = {}

    def state(self, number: int) -> Order:
        """The state of a number."""
        return self._states[number]

    def record(self, number: int, command: OrderCommand) -> tuple[int, int] | None:
        """The number of the state after a command, and how many completions it recorded; None when it is refused.

        Commands are the module's constants or cached, so that they can be told apart by identity. Raises Broken.
        """
        key = (number, id(command))
        if key not in self._made:
            self._made[key] = self._decide(number, command)
        return self._made[key]

    def _decide(self, number: int, command: OrderCommand) -> tuple[int, int] | None:
        before = self._states[number]
        try:
            events = list(self._decider.decide(before, command))
        except Rejection:
            return None
        after = before
        for event in events:
            after = self._decider.evolve(after, event)
        _check_terminal(before, after, events, command)
        _check_evidence(before, after, events)
        if after not in self._numbers:
            self._numbers[after] = len(self._states)
            self._states.append(after)
        return self._numbers[after], sum(isinstance(event, OrderCompleted) for event in events)


def _check_terminal(before: Order, after: Order, events: list[OrderEvent], command: OrderCommand) -> None:
    if before.status not in TERMINAL or after.status is before.status:
        return
    proven = any(isinstance(event, OrderFilled) for event in events) and before.status is not OrderStatus.FILLED
    refuted = before.status is OrderStatus.FAILED and getattr(command, "asked", False)
    if not (proven or refuted):
        msg = f"{before.status}, a terminal state, became {after.status}"
        raise Broken(msg)


def _check_evidence(before: Order, after: Order, events: list[OrderEvent]) -> None:
    if before.status is not OrderStatus.UNKNOWN or after.status is OrderStatus.UNKNOWN:
        return
    stated = any(isinstance(event, OrderOutcomeResolved | OrderRejected) and event.evidence for event in events)
    if not stated and not any(isinstance(event, OrderFilled) for event in events):
        msg = f"UNKNOWN became {after.status} without evidence"
        raise Broken(msg)
