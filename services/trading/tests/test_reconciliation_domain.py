"""Differences of positions: which are told, when, and that an execution on its way never is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from contracts.trading import Position, PositionSide
from contracts.trading.reconciliation import PositionAgreed, PositionDiffered
from eventlog.scenario import Scenario
from hypothesis import given
from hypothesis import strategies as st
from trading.domain.reconciliation import Book, Comparison, Looks, RecordComparison, compare
from trading.domain.session import SESSION, Session

ACCOUNT, CONNECTOR, PAIR = "master_account", "binance_perpetual", "BTC-USDT"
T = datetime(2026, 1, 1, tzinfo=UTC)
SETTLE = timedelta(seconds=10)
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def position(amount: str, side: PositionSide = LONG, **more: Any) -> Position:
    return Position(trading_pair=PAIR, side=side, amount=Decimal(amount), **more)


def book(filled: str, external: str = "0", side: PositionSide | None = None, executions: int = 1) -> Book:
    return Book(PAIR, side, Decimal(filled), Decimal(external), executions, T)


HEDGED = [book("1", side=LONG), book("-2", side=SHORT)]


def comparison(filled: str, held: str, external: str = "0", **changes: Any) -> RecordComparison:
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "connector": CONNECTOR,
        "trading_pair": PAIR,
        "side": None,
        "filled_amount": Decimal(filled),
        "external_amount": Decimal(external),
        "held_before": Decimal(0),
        "exchange_amount": Decimal(held),
        "entry_price": Decimal(50000),
        "reasons": (),
        "executions": 3,
        "last_trades": ("o1_1",),
        "external_trades": (),
        "trades_listed": True,
        "exchange_time": T,
        "since": T,
        "read_at": T + SETTLE,
    }
    return RecordComparison(**values | changes)


def differed(command: RecordComparison) -> PositionDiffered:
    return PositionDiffered.model_validate(command.model_dump())


def agreed(command: RecordComparison) -> PositionAgreed:
    told = command.model_dump(include=set(PositionAgreed.model_fields))
    return PositionAgreed.model_validate({**told, "amount": command.exchange_amount})


def test_a_difference_is_told_once() -> None:
    short = comparison("1", "0.4")
    Scenario(SESSION).given().when(short).then(differed(short))
    Scenario(SESSION).given(differed(short)).when(short).then()
    # Trades of ours move both amounts: the difference is the same.
    Scenario(SESSION).given(differed(short)).when(comparison("3", "2.4")).then()


def test_a_difference_that_changes_is_told_again() -> None:
    first = comparison("1", "0.4")
    for other in (comparison("1", "0.5"), comparison("1", "0.4", external="-0.6")):
        Scenario(SESSION).given(differed(first)).when(other).then(differed(other))


def test_agreement_is_told_once_and_only_after_a_difference() -> None:
    same, first = comparison("1", "1"), comparison("1", "0.4")
    Scenario(SESSION).given().when(same).then()
    Scenario(SESSION).given(differed(first)).when(same).then(agreed(same))
    Scenario(SESSION).given(differed(first), agreed(same)).when(same).then()
    Scenario(SESSION).given(differed(first), agreed(same)).when(first).then(differed(first))


def test_sides_are_told_apart() -> None:
    long, short = comparison("1", "0.4", side=LONG), comparison("-1", "0", side=SHORT)
    Scenario(SESSION).given(differed(long)).when(short).then(differed(short))


def test_a_snapshot_keeps_what_was_told() -> None:
    events = [differed(comparison("1", "0.4", side=LONG)), differed(comparison("1", "2", held_before=Decimal(1)))]
    state = SESSION.fold(Session(), events)
    codec = SESSION.snapshots
    assert codec is not None
    assert codec.decode(json.loads(json.dumps(codec.encode(state)))) == state


@pytest.mark.parametrize(
    ("books", "held", "hedged", "expected"),
    [
        ([book("1")], [position("1")], False, {None: ("1", "1")}),
        (HEDGED, [position("1"), position("-2", SHORT)], True, {LONG: ("1", "1"), SHORT: ("-2", "-2")}),
        # Executions of the time in one-way mode that do not add up to nothing: only the net can be compared.
        ([book("1"), book("-2", side=SHORT)], [position("1"), position("-2", SHORT)], True, {None: ("-1", "-1")}),
        ([], [position("3")], False, {None: ("0", "3")}),
        ([book("1", "-1")], [], False, {None: ("1", "0")}),
    ],
)  # fmt: skip
def test_positions_are_compared_as_the_mode_has_them(
    books: list[Book], held: list[Position], hedged: bool, expected: dict[PositionSide | None, tuple[str, str]]
) -> None:
    found = {each.key[1]: (each.filled, each.held) for each in compare(books, held, (), hedged=hedged)}
    assert found == {side: (Decimal(filled), Decimal(amount)) for side, (filled, amount) in expected.items()}


def test_a_position_that_is_compared_otherwise_now_is_not_left_open() -> None:
    [net] = [each for each in compare([], [], [(PAIR, LONG)], hedged=False) if each.key == (PAIR, LONG)]
    assert net.difference == 0


AMOUNTS = st.integers(-3, 3).map(lambda lots: lots * Decimal("0.1"))


class Told:
    """Looks whose lasting comparisons are stored, as the session does it."""

    def __init__(self, known_since: datetime | None = None) -> None:
        self.looks = Looks(SETTLE, known_since)
        self.state = Session()
        self.events: list[Any] = []

    def look(self, compared: Comparison, at: datetime, read: datetime | None = None) -> list[Any]:
        asked = {} if read is None else {PAIR: read}
        new: list[Any] = []
        for each in self.looks.look([compared], at, asked):
            command = comparison(
                str(each.filled), str(each.held), str(each.external), held_before=self.looks.before(each.key), read_at=at
            )
            new += SESSION.decide(self.state, command)
            self.looks.seen.pop(each.key)
        self.state = SESSION.fold(self.state, new)
        self.looks.told = dict(self.state.differences)
        self.events += new
        return new


def at_once(filled: str, held: str, external: str = "0", **more: Any) -> Comparison:
    values = {"executions": 1, **more}
    return Comparison((PAIR, None), Decimal(filled), Decimal(external), held=Decimal(held), **values)


def seconds(number: float) -> datetime:
    return T + timedelta(seconds=number)


def test_an_execution_on_its_way_is_no_difference() -> None:
    told = Told()
    assert told.look(at_once("1", "1"), seconds(0)) == []
    assert told.look(at_once("1", "2"), seconds(1), read=seconds(0)) == []
    assert told.look(at_once("2", "2"), seconds(9), read=seconds(5)) == []
    # The time counts from the newest difference only.
    assert told.look(at_once("2", "3"), seconds(12), read=seconds(11)) == []
    assert told.look(at_once("2", "3"), seconds(21), read=seconds(20)) == []


def test_nothing_is_told_before_the_exchange_was_asked_for_its_executions() -> None:
    told = Told()
    for second in (0, 30, 60):
        assert told.look(at_once("1", "2"), seconds(second), read=seconds(-1)) == []
    assert told.look(at_once("1", "2"), seconds(61)) == []
    assert len(told.look(at_once("1", "2"), seconds(62), read=seconds(61))) == 1


def test_an_answer_older_than_our_last_execution_says_nothing() -> None:
    told = Told()
    stale = at_once("1", "2", last=seconds(5), changed_at=seconds(4))
    for second in (0, 20, 40):
        assert told.look(stale, seconds(second), read=seconds(second)) == []


def test_what_was_held_before_the_account_was_known_is_proven_by_the_exchanges_time() -> None:
    told = Told(known_since=seconds(0))
    held = at_once("0", "3", executions=0, changed_at=seconds(-60))
    told.look(held, seconds(1))
    # Trades of ours on top of it do not undo the proof.
    [event] = told.look(at_once("1", "4", last=seconds(5), changed_at=seconds(5)), seconds(20), read=seconds(15))
    assert event.held_before == 3
    assert told.look(at_once("1", "4"), seconds(60), read=seconds(50)) == []
    closed = at_once("1", "1", external="-3")
    told.look(closed, seconds(70))
    assert [type(each) for each in told.look(closed, seconds(90), read=seconds(80))] == [PositionAgreed]
    assert told.looks.before((PAIR, None)) == 3


def test_executions_on_record_are_not_held_before() -> None:
    told = Told(known_since=seconds(0))
    listed = at_once("0", "3", external="2", changed_at=seconds(-60), last=seconds(-60))
    told.look(listed, seconds(1))
    [event] = told.look(listed, seconds(20), read=seconds(15))
    assert (event.external_amount, event.held_before) == (2, 1)


@pytest.mark.parametrize("changed_at", [None, seconds(-5), seconds(30)])
def test_what_may_have_changed_since_is_not_guessed(changed_at: datetime | None) -> None:
    told = Told(known_since=seconds(0))
    found = at_once("0", "3", executions=0, changed_at=changed_at)
    told.look(found, seconds(1))
    [event] = told.look(found, seconds(20), read=seconds(15))
    assert event.held_before == 0


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(1, 15)), max_size=25))
def test_only_changes_that_lasted_are_told_and_each_once(looks: Sequence[tuple[Decimal, Decimal, Decimal, int]]) -> None:
    told, now, lasting = Told(), T, T
    before: Decimal | None = None
    for filled, external, held, pause in looks:
        now += timedelta(seconds=pause)
        compared = Comparison((PAIR, None), filled, external, 1, held=held)
        if compared.difference != before:
            lasting, before = now, compared.difference
        new = told.look(compared, now, read=now)
        assert len(new) <= 1
        if new:
            assert now - lasting >= SETTLE
        known = told.state.differences.get((PAIR, None))
        shown = known.difference if known is not None and known.open else Decimal(0)
        if now - lasting >= 2 * SETTLE + timedelta(seconds=30):
            assert shown == compared.difference
    for earlier, later in zip(told.events, told.events[1:], strict=False):
        assert (type(earlier), type(later)) != (PositionAgreed, PositionAgreed)
        if isinstance(earlier, PositionDiffered) and isinstance(later, PositionDiffered):
            gaps = [(each.exchange_amount - each.filled_amount, each.external_amount) for each in (earlier, later)]
            assert gaps[0] != gaps[1]
