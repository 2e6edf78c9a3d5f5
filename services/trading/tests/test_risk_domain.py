"""The risk guard's rules: no sequence of orders brings an account beyond its limits, and closing is never in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from contracts.trading import PositionAction, RiskLimitHit, RiskLimits, RiskLimitsSet, RiskRule, Side
from eventlog.scenario import Scenario
from hypothesis import given
from hypothesis import strategies as st
from trading.domain.risk import NONE, RISK, Asked, Facts, RecordHit, Risk, SetLimits, checked, tighter
from trading.domain.risk_book import Execution, Recent, Results, Venue, Waiting

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PRICE = Decimal(100)
HOLDING = Facts(position=Decimal(2), buying=Decimal(1))
LIMITS = RiskLimits(max_order_notional=Decimal(5000))


def order(side: Side = Side.BUY, amount: str = "1", **changes: object) -> Asked:
    base: dict[str, object] = {"side": side, "amount": Decimal(amount), "price": PRICE, "worth": PRICE}
    return Asked(**{**base, **changes})  # type: ignore[arg-type]


def set_limits(limits: RiskLimits, actor: str | None = None) -> SetLimits:
    return SetLimits(account="main", actor=actor, limits=limits, time=NOW)


HIT = RiskLimitHit(
    account="main",
    connector="binance",
    rule=RiskRule.MAX_OPEN_ORDERS,
    limit=Decimal(1),
    value=Decimal(2),
    actor="trader",
    trading_pair="BTC-USDT",
    side=Side.BUY,
    amount=Decimal(1),
    time=NOW,
)


def test_limits_are_set_once() -> None:
    event = RiskLimitsSet(account="main", actor=None, limits=LIMITS, time=NOW)
    Scenario(RISK).when(set_limits(LIMITS)).then(event)
    Scenario(RISK).given(event).when(set_limits(LIMITS)).then()
    Scenario(RISK).when(set_limits(NONE)).then()
    Scenario(RISK).when(RecordHit(hit=HIT)).then(HIT)


def test_a_snapshot_keeps_the_limits() -> None:
    state = Risk({None: LIMITS, "token:t1": RiskLimits(reduce_only=True)})
    codec = RISK.snapshots
    assert codec is not None
    assert codec.decode(codec.encode(state)) == state


def test_an_actor_is_held_to_the_tighter_of_both() -> None:
    state = Risk({None: RiskLimits(max_open_orders=5), "bot": RiskLimits(max_open_orders=9, reduce_only=True)})
    assert state.of("trader") == RiskLimits(max_open_orders=5)
    assert state.of("bot") == RiskLimits(max_open_orders=5, reduce_only=True)
    assert tighter(LIMITS, NONE) == tighter(NONE, LIMITS) == LIMITS


@pytest.mark.parametrize(
    ("limits", "facts", "asked", "rule", "value"),
    [
        ({"max_order_notional": 99}, Facts(), order(), RiskRule.MAX_ORDER_NOTIONAL, 100),
        ({"max_order_notional": 100}, Facts(), order(), None, 0),
        ({"max_open_orders": 2}, Facts(open_orders=2), order(), RiskRule.MAX_OPEN_ORDERS, 3),
        ({"max_orders_per_minute": 2}, Facts(recent_orders=2), order(), RiskRule.MAX_ORDERS_PER_MINUTE, 3),
        ({"max_daily_loss": 10}, Facts(loss=Decimal(10)), order(), RiskRule.MAX_DAILY_LOSS, 10),
        ({"max_daily_loss": 10}, Facts(loss=Decimal("9.99")), order(), None, 0),
        ({"max_position_notional": 399}, HOLDING, order(), RiskRule.MAX_POSITION_NOTIONAL, 400),
        ({"max_position_notional": 400}, HOLDING, order(), None, 0),
        ({"reduce_only": True}, Facts(), order(), RiskRule.REDUCE_ONLY, 1),
        ({"reduce_only": True}, Facts(position=Decimal(1)), order(Side.SELL), None, 0),
        ({"reduce_only": True}, Facts(position=Decimal(1), selling=Decimal("0.5")), order(Side.SELL), RiskRule.REDUCE_ONLY, 1),
        ({"max_daily_loss": 10}, Facts(loss=Decimal(99), position=Decimal(1)), order(Side.SELL), None, 0),
        ({"max_position_notional": 1}, Facts(derivative=True), order(Side.SELL), RiskRule.MAX_POSITION_NOTIONAL, 100),
    ],
)  # fmt: skip
def test_each_rule_names_both_numbers(
    limits: dict[str, object], facts: Facts, asked: Asked, rule: RiskRule | None, value: int
) -> None:
    broken = checked(RiskLimits(**limits), facts, asked)  # type: ignore[arg-type]
    assert (broken and broken.rule) == rule
    if broken is not None:
        assert broken.value == value
        assert str(value) in broken.told()
        assert format(broken.limit, "f") in broken.told()


def test_a_closing_order_is_never_in_the_way() -> None:
    everything = RiskLimits(
        max_order_notional=Decimal(1),
        max_position_notional=Decimal(1),
        max_open_orders=1,
        max_orders_per_minute=1,
        max_daily_loss=Decimal(1),
        reduce_only=True,
    )
    facts = Facts(open_orders=9, recent_orders=9, loss=Decimal(9), position=Decimal(5), derivative=True)
    assert checked(everything, facts, order(Side.SELL, "5", closing=True)) is None


AMOUNTS = st.decimals(min_value=Decimal("0.1"), max_value=Decimal(5), places=1)
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "fill", "cancel"]), st.sampled_from(list(Side)), AMOUNTS, st.integers(0, 30)), max_size=40
)


class Account:
    """A model of one derivatives position with its open orders, driven through the same book-keeping as a session's."""

    def __init__(self) -> None:
        self.position = Decimal(0)
        self.waiting = Waiting()
        self.open: dict[str, tuple[Side, Decimal]] = {}
        self.numbers = 0

    def facts(self) -> Facts:
        return Facts(
            open_orders=len(self.waiting),
            position=self.position,
            buying=self.waiting.of("P", Side.BUY),
            selling=self.waiting.of("P", Side.SELL),
            derivative=True,
        )

    def ask(self, limits: RiskLimits, side: Side, amount: Decimal) -> None:
        if checked(limits, self.facts(), Asked(side, amount, PRICE, PRICE)) is None:
            self.numbers += 1
            self.open[str(self.numbers)] = side, amount
            self.waiting.put(str(self.numbers), "P", side, amount)

    def fill(self, which: int, most: Decimal) -> None:
        if self.open:
            order_id = list(self.open)[which % len(self.open)]
            side, rest = self.open.pop(order_id)
            done = min(rest, most)
            self.position += done if side is Side.BUY else -done
            self.waiting.drop(order_id)
            if rest > done:
                self.open[order_id] = side, rest - done
                self.waiting.put(order_id, "P", side, rest - done)

    def cancel(self, which: int) -> None:
        if self.open:
            order_id = list(self.open)[which % len(self.open)]
            del self.open[order_id]
            self.waiting.drop(order_id)


@given(STEPS, st.integers(1, 6), st.integers(100, 1500))
def test_no_sequence_brings_an_account_beyond_its_limits(
    steps: list[tuple[str, Side, Decimal, int]], most_open: int, most_held: int
) -> None:
    limits = RiskLimits(max_open_orders=most_open, max_position_notional=Decimal(most_held), max_order_notional=Decimal(400))
    account = Account()
    for step, side, amount, which in steps:
        match step:
            case "ask":
                account.ask(limits, side, amount)
            case "fill":
                account.fill(which, amount)
            case _:
                account.cancel(which)
        assert len(account.open) <= most_open
        assert all(amount * PRICE <= 400 for _, amount in account.open.values())
        assert abs(account.position) * PRICE <= most_held


@given(STEPS, AMOUNTS)
def test_reduce_only_never_lets_a_position_grow_or_turn(steps: list[tuple[str, Side, Decimal, int]], held: Decimal) -> None:
    account = Account()
    account.position = held
    largest = held
    for step, side, amount, which in steps:
        match step:
            case "ask":
                account.ask(RiskLimits(reduce_only=True), side, amount)
            case "fill":
                account.fill(which, amount)
            case _:
                account.cancel(which)
        assert 0 <= account.position <= largest
        largest = account.position


def execution(side: Side, amount: str, price: str, at: datetime = NOW, **changes: object) -> Execution:
    base: dict[str, object] = {
        "order_id": "o",
        "trade_id": "t",
        "trading_pair": "BTC-USDT",
        "side": side,
        "action": PositionAction.OPEN,
        "amount": Decimal(amount),
        "price": Decimal(price),
        "fee": Decimal(0),
        "fee_token": "USDT",
        "time": at,
    }
    return Execution(**{**base, **changes})  # type: ignore[arg-type]


def test_the_days_loss_counts_what_was_closed_by_average_price_and_all_fees() -> None:
    results = Results()
    results.add(execution(Side.BUY, "1", "100", NOW - timedelta(days=1), fee=Decimal(9)), "P")
    results.add(execution(Side.BUY, "1", "110"), "P")
    assert results.loss({}) == 0
    results.add(execution(Side.SELL, "1", "95", fee=Decimal("0.5")), "P")
    assert results.loss({}) == Decimal("10.5")
    results.add(execution(Side.SELL, "2", "115", fee=Decimal("0.001"), fee_token="BNB"), "P")
    assert results.loss({"BNB": Decimal(500)}) == Decimal("10.5") - 10 + Decimal("0.5")
    results.add(execution(Side.BUY, "1", "120", fee=Decimal("0.01"), fee_token="BTC"), "P")
    assert results.loss({}) == Decimal("0.5") + 5 + Decimal("1.2")
    results.turn((NOW + timedelta(days=1)).date())
    assert results.loss({}) == 0


def test_an_execution_of_an_earlier_day_that_comes_late_is_not_of_this_day() -> None:
    results = Results()
    results.add(execution(Side.BUY, "2", "100"), "P")
    results.add(execution(Side.SELL, "1", "50", NOW - timedelta(days=1)), "P")
    assert results.loss({}) == 0


def test_orders_are_counted_for_a_minute() -> None:
    recent = Recent()
    recent.add(NOW)
    recent.add(NOW + timedelta(seconds=30))
    assert recent.count(NOW + timedelta(seconds=59)) == 2
    assert recent.count(NOW + timedelta(seconds=60)) == 1
    recent.withdraw()
    assert recent.count(NOW + timedelta(seconds=60)) == 0


def test_positions_are_told_apart_as_the_exchange_does() -> None:
    close, begin = PositionAction.CLOSE, PositionAction.OPEN
    assert Venue().book("BTC-USDT", Side.SELL, begin) == "BTC"
    assert Venue(derivative=True).book("BTC-USDT", Side.SELL, begin) == "BTC-USDT"
    hedged = Venue(derivative=True, hedged=True)
    assert hedged.book("BTC-USDT", Side.BUY, begin) == hedged.book("BTC-USDT", Side.SELL, close) == "BTC-USDT:LONG"
    assert hedged.book("BTC-USDT", Side.SELL, begin) == hedged.book("BTC-USDT", Side.BUY, close) == "BTC-USDT:SHORT"
