"""The order decider, rule by rule."""

from __future__ import annotations

import pytest
from contracts.trading import (
    OrderCancelled,
    OrderCancelRefused,
    OrderCancelRequested,
    OrderIdReused,
    OrderNotOpen,
    OrderOutcomeResolved,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderStatus,
    OrderUnknown,
)
from eventlog.scenario import Scenario
from order_examples import ID, T, completed, external, fill, filled, place, placed, recorded, report, submitted
from trading.domain.order import ORDER
from trading.domain.order_commands import (
    Action,
    Heard,
    RecordCancelled,
    RecordCancelRefused,
    RecordFills,
    RecordRefused,
    RecordSubmitted,
    RecordUnproven,
    RequestCancel,
)

EMPTY = Scenario(ORDER)
PLACED = EMPTY.given(placed())
OPEN = PLACED.given(submitted())
UNKNOWN_SUBMIT = PLACED.given(OrderOutcomeUnknown(order_id=ID, action="submit", reason="time-out"))
CANCELLING = OPEN.given(OrderCancelRequested(order_id=ID))
UNKNOWN_CANCEL = CANCELLING.given(OrderOutcomeUnknown(order_id=ID, action="cancel", reason="time-out"))
CANCELLED = OPEN.given(OrderCancelled(order_id=ID, reason="cancelled", time=T))
FILLED = OPEN.given(filled("1", "1"), completed())
FAILED = PLACED.given(OrderRejected(order_id=ID, reason="no money", evidence="-2010"))

REQUEST = RequestCancel(order_id=ID, account="main", connector="binance")
ACCEPTED = RecordSubmitted(exchange_order_id="7", time=T)
UNPROVEN_SUBMIT = RecordUnproven(action=Action.SUBMIT, reason="time-out")
UNPROVEN_CANCEL = RecordUnproven(action=Action.CANCEL, reason="time-out")
REFUSED = RecordRefused(reason="no money", evidence="-2010")
OFF = RecordCancelled(reason="cancelled", evidence="DELETE /order", time=T)


def resolved(status: OrderStatus, evidence: str = "GET /order") -> OrderOutcomeResolved:
    return OrderOutcomeResolved(order_id=ID, exchange_order_id="7", status=status, evidence=evidence)


def cancelled(reason: str = "said so") -> OrderCancelled:
    return OrderCancelled(order_id=ID, reason=reason, time=T)


def test_an_intent_is_recorded_and_an_id_is_used_once() -> None:
    EMPTY.when(place()).then(placed())
    PLACED.when(place()).then_rejected(OrderIdReused)
    EMPTY.given(recorded()).when(place()).then_rejected(OrderIdReused)


def test_the_outcome_of_a_submit() -> None:
    PLACED.when(ACCEPTED).then(submitted()).when(ACCEPTED).then_nothing()
    PLACED.when(REFUSED).then(OrderRejected(order_id=ID, reason="no money", evidence="-2010"))
    PLACED.when(UNPROVEN_SUBMIT).then(OrderOutcomeUnknown(order_id=ID, action="submit", reason="time-out"))


def test_a_submit_is_unknown_once_and_never_after_proof() -> None:
    UNKNOWN_SUBMIT.when(UNPROVEN_SUBMIT).then_nothing()
    OPEN.when(UNPROVEN_SUBMIT).then_nothing()
    PLACED.given(filled("1", "0.1")).when(UNPROVEN_SUBMIT).then_nothing()
    OPEN.when(REFUSED).then_nothing()


def test_an_unknown_submit_is_resolved_by_evidence_only() -> None:
    UNKNOWN_SUBMIT.when(report(Heard.OPEN)).then(resolved(OrderStatus.OPEN))
    UNKNOWN_SUBMIT.when(ACCEPTED).then(resolved(OrderStatus.OPEN, "the exchange's late acknowledgement"))
    UNKNOWN_SUBMIT.when(REFUSED).then(OrderRejected(order_id=ID, reason="no money", evidence="-2010"))
    UNKNOWN_SUBMIT.when(report(Heard.CANCELLED)).then(resolved(OrderStatus.CANCELLED), cancelled())
    UNKNOWN_SUBMIT.when(fill("1", "0.4")).then(resolved(OrderStatus.OPEN, "execution 1"), filled("1", "0.4"))


@pytest.mark.parametrize(("asked", "settled"), [(False, False), (True, False), (False, True)])
def test_not_found_proves_nothing_while_the_order_may_be_on_its_way(asked: bool, settled: bool) -> None:
    UNKNOWN_SUBMIT.when(report(Heard.NOT_FOUND, asked=asked, settled=settled)).then_nothing()


def test_not_found_after_the_settle_time_proves_that_the_order_does_not_exist() -> None:
    gone = report(Heard.NOT_FOUND, asked=True, settled=True)
    UNKNOWN_SUBMIT.when(gone).then(OrderRejected(order_id=ID, reason="said so", evidence="GET /order"))
    PLACED.when(gone).then(OrderRejected(order_id=ID, reason="said so", evidence="GET /order"))


def test_an_order_that_was_there_and_is_not_found_any_more_is_off_the_book() -> None:
    OPEN.when(report(Heard.NOT_FOUND, asked=True, settled=True)).then_nothing()
    OPEN.when(report(Heard.NOT_FOUND, asked=True, settled=True, fills_read=True)).then(cancelled())


def test_fills_complete_the_order_once_whatever_their_order() -> None:
    some = OPEN.when(fill("2", "0.4", "90")).then(filled("2", "0.4", "90"))
    whole = some.when(fill("1", "0.6", "100")).then(filled("1", "0.6", "100"), completed("1", "96"))
    whole.when(fill("1", "0.6", "100")).then_nothing()
    whole.when(fill("2", "0.4", "90")).then_nothing()


def test_fills_heard_together_are_the_same_as_one_by_one() -> None:
    several = RecordFills(fills=(fill("1", "0.4"), fill("1", "0.4"), fill("2", "0.6"), fill("3", "0.1")))
    PLACED.when(several).then(filled("1", "0.4"), filled("2", "0.6"), completed(), filled("3", "0.1"))


def test_fills_before_the_acknowledgement_prove_the_order() -> None:
    some = PLACED.when(fill("1", "0.4")).then(filled("1", "0.4"))
    some.when(ACCEPTED).then_nothing()
    some.when(REFUSED).then_nothing()


def test_fills_before_the_order_is_known_count_when_it_is() -> None:
    some = EMPTY.when(fill("1", "0.4")).then(filled("1", "0.4"))
    some.when(external()).then(recorded())
    whole = some.when(fill("2", "0.6")).then(filled("2", "0.6"))
    whole.when(external()).then(recorded(), completed())


def test_a_fill_beyond_the_amount_is_recorded_and_completes_nothing_again() -> None:
    FILLED.when(fill("2", "0.5")).then(filled("2", "0.5"))


def test_a_late_fill_moves_a_cancelled_order_up_and_the_whole_completes_it() -> None:
    some = CANCELLED.when(fill("1", "0.4")).then(filled("1", "0.4"))
    some.when(fill("2", "0.6")).then(filled("2", "0.6"), completed())


def test_a_fill_refutes_a_failure() -> None:
    FAILED.when(fill("1", "0.4")).then(resolved(OrderStatus.OPEN, "execution 1"), filled("1", "0.4"))


def test_the_exchanges_answer_that_it_has_the_order_refutes_a_failure_a_late_message_does_not() -> None:
    FAILED.when(report(Heard.OPEN)).then_nothing()
    FAILED.when(ACCEPTED).then_nothing()
    FAILED.when(report(Heard.OPEN, asked=True)).then(resolved(OrderStatus.OPEN))
    refused_later = OPEN.given(OrderRejected(order_id=ID, reason="expired", evidence="stream"))
    refused_later.when(report(Heard.OPEN, asked=True)).then_nothing()


@pytest.mark.parametrize("heard", list(Heard))
@pytest.mark.parametrize("scenario", [FILLED, CANCELLED])
def test_no_late_report_changes_a_terminal_order(scenario: Scenario, heard: Heard) -> None:  # type: ignore[type-arg]
    scenario.when(report(heard)).then_nothing()
    scenario.when(report(heard, asked=True, settled=True, fills_read=True)).then_nothing()


@pytest.mark.parametrize("late", [ACCEPTED, REFUSED, UNPROVEN_SUBMIT, UNPROVEN_CANCEL, OFF, RecordCancelRefused(reason="no")])
@pytest.mark.parametrize("scenario", [FILLED, CANCELLED, FAILED])
def test_no_late_outcome_changes_a_terminal_order(scenario: Scenario, late: object) -> None:  # type: ignore[type-arg]
    scenario.when(late).then_nothing()


def test_a_filled_report_waits_for_the_executions() -> None:
    some = OPEN.given(filled("1", "0.9"))
    some.when(report(Heard.FILLED)).then_nothing()
    some.when(report(Heard.FILLED, fills_read=True)).then(completed("0.9"))
    OPEN.when(report(Heard.FILLED, fills_read=True)).then_nothing()


def test_an_order_that_ended_before_its_acknowledgement_keeps_the_exchanges_id() -> None:
    PLACED.when(report(Heard.CANCELLED)).then(submitted(), cancelled())


def test_a_report_of_failure() -> None:
    PLACED.when(report(Heard.FAILED)).then(OrderRejected(order_id=ID, reason="said so", evidence="GET /order"))
    OPEN.given(filled("1", "0.4")).when(report(Heard.FAILED)).then(cancelled())


def test_cancel() -> None:
    wanted = OPEN.when(REQUEST).then(OrderCancelRequested(order_id=ID))
    wanted.when(REQUEST).then_nothing()
    wanted.when(OFF).then(cancelled("cancelled"))
    wanted.when(RecordCancelRefused(reason="no")).then(OrderCancelRefused(order_id=ID, reason="no"))
    wanted.when(UNPROVEN_CANCEL).then(OrderOutcomeUnknown(order_id=ID, action="cancel", reason="time-out"))
    OPEN.when(UNPROVEN_CANCEL).then_nothing()


def test_a_cancel_is_refused_for_what_is_not_open_here() -> None:
    EMPTY.when(REQUEST).then_rejected(OrderUnknown)
    OPEN.when(REQUEST.model_copy(update={"account": "other"})).then_rejected(OrderUnknown)
    for scenario in (FILLED, CANCELLED, FAILED):
        scenario.when(REQUEST).then_rejected(OrderNotOpen)


def test_an_unknown_cancel_is_resolved_by_evidence_once_it_is_settled() -> None:
    UNKNOWN_CANCEL.when(report(Heard.OPEN)).then_nothing()
    UNKNOWN_CANCEL.when(report(Heard.OPEN, settled=True)).then(resolved(OrderStatus.PENDING_CANCEL))
    UNKNOWN_CANCEL.when(report(Heard.CANCELLED)).then(resolved(OrderStatus.CANCELLED), cancelled())
    UNKNOWN_CANCEL.when(OFF).then(resolved(OrderStatus.CANCELLED, "DELETE /order"), cancelled("cancelled"))
    UNKNOWN_CANCEL.when(fill("1", "1")).then(filled("1", "1"), completed())
    some = UNKNOWN_CANCEL.given(filled("1", "0.9"))
    some.when(report(Heard.FILLED, fills_read=True)).then(resolved(OrderStatus.FILLED), completed("0.9"))
    refused = OrderCancelRefused(order_id=ID, reason="no")
    why = "the exchange refused the cancel: no"
    UNKNOWN_CANCEL.when(RecordCancelRefused(reason="no")).then(resolved(OrderStatus.PENDING_CANCEL, why), refused)


def test_a_cancel_wished_for_while_the_submit_is_unknown_stands_until_the_order_is_found() -> None:
    wished = UNKNOWN_SUBMIT.when(REQUEST).then(OrderCancelRequested(order_id=ID))
    wished.when(RecordCancelRefused(reason="unknown order")).then_nothing()
    wished.when(UNPROVEN_CANCEL).then_nothing()
    wished.when(report(Heard.OPEN)).then(resolved(OrderStatus.PENDING_CANCEL))
    wished.when(OFF).then(
        OrderOutcomeResolved(order_id=ID, exchange_order_id=None, status=OrderStatus.CANCELLED, evidence="DELETE /order"),
        cancelled("cancelled"),
    )


def test_an_order_placed_elsewhere_is_recorded_once() -> None:
    known = EMPTY.when(external()).then(recorded())
    known.when(external()).then_nothing()
    known.when(external().model_copy(update={"account": "other"})).then_rejected(OrderIdReused)
    PLACED.when(external()).then_nothing()
