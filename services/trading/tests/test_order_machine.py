"""Every order of messages: the order decider under random commands, against a plain model of what is true."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

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
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from order_examples import ID, T, external, fill, place, report
from trading.domain.order import ORDER
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

AMOUNTS = ["0.1", "0.25", "0.3", "0.00000000000000000000000000000001", "0.3333333333333333333333333333333333"]
PRICES = ["100", "99.99", "0.1", "33.333333333333333333333333333333333"]
FLAGS = st.booleans()


class OrderMachine(RuleBasedStateMachine):
    """Sends anything in any order; checks what must always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Order = ORDER.initial
        self.events: list[OrderEvent] = []
        self.executions: dict[str, tuple[str, str]] = {}
        self.placed_here = False

    def send(self, command: OrderCommand) -> list[OrderEvent]:
        before = self.state
        try:
            events = list(ORDER.decide(before, command))
        except Rejection:
            return []
        self.state = ORDER.fold(before, events)
        self.events.extend(events)
        self.check_terminal(before, events, command)
        self.check_evidence(before, events)
        assert list(ORDER.decide(self.state, command) if not isinstance(command, type(place())) else []) == []
        return events

    def check_terminal(self, before: Order, events: list[OrderEvent], command: OrderCommand) -> None:
        """A terminal status is left for a proven fill's sake only, or when FAILED is refuted by an answer."""
        if before.status not in TERMINAL or self.state.status is before.status:
            return
        proven = any(isinstance(event, OrderFilled) for event in events)
        refuted = before.status is OrderStatus.FAILED and getattr(command, "asked", False)
        assert proven or refuted
        assert before.status is not OrderStatus.FILLED

    def check_evidence(self, before: Order, events: list[OrderEvent]) -> None:
        """UNKNOWN is left for the exchange's word, which is kept, or for an execution."""
        if before.status is not OrderStatus.UNKNOWN or self.state.status is OrderStatus.UNKNOWN:
            return
        assert any(
            isinstance(event, OrderFilled) or (isinstance(event, OrderOutcomeResolved | OrderRejected) and event.evidence)
            for event in events
        )

    @initialize(placed=FLAGS)
    def begin(self, placed: bool) -> None:
        if placed:
            self.send(place())
            self.placed_here = True

    @rule()
    def hear_of_it_as_external(self) -> None:
        self.send(external())

    @rule(trade=st.integers(1, 8), amount=st.sampled_from(AMOUNTS), price=st.sampled_from(PRICES))
    def execution(self, trade: int, amount: str, price: str) -> None:
        trade_id = str(trade)
        amount, price = self.executions.setdefault(trade_id, (amount, price))
        self.send(fill(trade_id, amount, price))

    @rule(trades=st.lists(st.integers(1, 8), min_size=1, max_size=4), amount=st.sampled_from(AMOUNTS))
    def executions_read_together(self, trades: list[int], amount: str) -> None:
        told = [(str(trade), *self.executions.setdefault(str(trade), (amount, PRICES[0]))) for trade in trades]
        self.send(RecordFills(fills=tuple(fill(*each) for each in told)))

    @rule(heard=st.sampled_from(Heard), asked=FLAGS, settled=FLAGS, fills_read=FLAGS)
    def report(self, heard: Heard, asked: bool, settled: bool, fills_read: bool) -> None:
        self.send(report(heard, asked=asked, settled=settled, fills_read=fills_read))

    @rule(action=st.sampled_from(Action))
    def unproven(self, action: Action) -> None:
        self.send(RecordUnproven(action=action, reason="time-out"))

    @rule()
    def submitted(self) -> None:
        self.send(RecordSubmitted(exchange_order_id="7", time=T))

    @rule()
    def refused(self) -> None:
        self.send(RecordRefused(reason="no money", evidence="-2010"))

    @rule()
    def want_cancel(self) -> None:
        self.send(RequestCancel(order_id=ID, account="main", connector="binance"))

    @rule()
    def cancelled(self) -> None:
        self.send(RecordCancelled(reason="cancelled", evidence="DELETE", time=T))

    @rule()
    def cancel_refused(self) -> None:
        self.send(RecordCancelRefused(reason="no"))

    @invariant()
    def filled_is_the_exact_sum_of_distinct_executions(self) -> None:
        amounts = [Fraction(amount) for amount, _ in self.executions.values()]
        quotes = [Fraction(amount) * Fraction(price) for amount, price in self.executions.values()]
        assert Fraction(self.state.filled_amount) == sum(amounts, Fraction(0))
        assert Fraction(self.state.filled_quote) == sum(quotes, Fraction(0))
        trades = [event.trade_id for event in self.events if isinstance(event, OrderFilled)]
        assert len(trades) == len(set(trades)) == len(self.executions)

    @invariant()
    def the_average_is_quote_over_base(self) -> None:
        average = self.state.average_price
        if not self.executions:
            assert average is None
            return
        exact = Fraction(self.state.filled_quote) / Fraction(self.state.filled_amount)
        assert average is not None
        assert abs(Fraction(average) - exact) <= max(exact / 10**39, Fraction(1, 10**30))

    @invariant()
    def completed_once_and_then_filled(self) -> None:
        completions = [event for event in self.events if isinstance(event, OrderCompleted)]
        assert len(completions) <= 1
        assert (self.state.status is OrderStatus.FILLED) == bool(completions)

    @invariant()
    def a_known_order_with_all_its_amount_is_filled(self) -> None:
        if self.state.origin is not None and self.state.filled_amount >= Decimal(1):
            assert self.state.status is OrderStatus.FILLED

    @invariant()
    def unknown_is_left_by_evidence(self) -> None:
        assert all(event.evidence for event in self.events if isinstance(event, OrderOutcomeResolved))
        if self.state.status is OrderStatus.UNKNOWN:
            assert self.state.closed is None


OrderMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOrderMachine = OrderMachine.TestCase
