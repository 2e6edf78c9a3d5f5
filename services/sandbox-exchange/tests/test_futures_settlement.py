"""Funding and liquidation."""

from __future__ import annotations

from decimal import Decimal

from futures_rig import AT, MAKER, SYMBOL, TAKER, account, marked, opened, place, trade
from hypothesis import given
from hypothesis import strategies as st
from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import IncomeType
from sandbox_exchange.domain.perpetual.commands import SetFundingPace, SetLeverage, SetPositionMode, SettleFunding, Withdraw
from sandbox_exchange.domain.perpetual.events import FundingPaid, FundingSettled, InsuranceCleared, MarginCalled
from sandbox_exchange.domain.perpetual.positions import Position, PositionSide
from sandbox_exchange.domain.perpetual.premium import LARGEST, Premium, funding_rate, price_at
from sandbox_exchange.domain.perpetual.settlement import next_funding
from sandbox_exchange.domain.spot.orders import Side, Status

HOURS = 3_600_000
EIGHT = AT // (8 * HOURS) * 8 * HOURS + 8 * HOURS
BUY, SELL = Side.BUY, Side.SELL


def test_longs_pay_shorts_once_every_eight_hours() -> None:
    exchange, _ = opened(MAKER, TAKER)
    trade(exchange, BUY, "10", "100")
    wallet, other = account(exchange).wallet, account(exchange, MAKER).wallet
    assert next_funding(exchange.state, AT) == EIGHT
    assert marked(exchange, "101", "0.0001", EIGHT - 1) == []
    events = marked(exchange, "101", "0.0001", EIGHT + 5)
    assert [type(event) for event in events] == [FundingSettled, FundingPaid, FundingPaid]
    assert events[0] == FundingSettled(SYMBOL, Decimal("0.0001"), Decimal(101), EIGHT, EIGHT + 5)
    assert (account(exchange).wallet - wallet, account(exchange, MAKER).wallet - other) == (Decimal("-0.101"), Decimal("0.101"))
    assert marked(exchange, "101", "0.0001", EIGHT + 9) == []
    assert len({each.tran for each in account(exchange).income if each.type is IncomeType.FUNDING_FEE}) == 1
    # After a long stop only the last interval is settled.
    assert len(marked(exchange, "101", "0.0001", EIGHT + 30 * HOURS)) == 3


def test_funding_can_be_sped_up_and_asked_for() -> None:
    exchange, _ = opened(MAKER, TAKER)
    trade(exchange, BUY, "10", "100")
    exchange.apply(SetFundingPace(10), AT)
    assert marked(exchange, "100", "0.0001", AT + 1) == []
    assert len(marked(exchange, "100", "0.0001", AT + 10_000)) == 3
    assert marked(exchange, "100", "0.0001", AT + 19_999) == []
    assert len(marked(exchange, "100", "0.0001", AT + 20_000)) == 3
    before = account(exchange).wallet
    exchange.apply(SettleFunding(SYMBOL, Decimal("-0.001")), AT + 20_001)
    assert account(exchange).wallet == before + 1


def test_hedge_positions_are_funded_one_by_one() -> None:
    exchange, _ = opened(MAKER, TAKER)
    exchange.apply(SetPositionMode(TAKER, hedge=True), AT)
    trade(exchange, BUY, "2", "100", position_side=PositionSide.LONG)
    trade(exchange, SELL, "3", "100", position_side=PositionSide.SHORT)
    exchange.apply(SettleFunding(SYMBOL, Decimal("0.001")), AT)
    paid = [(each.position_side, each.amount) for each in account(exchange).income if each.type is IncomeType.FUNDING_FEE]
    assert paid == [(PositionSide.LONG, Decimal("-0.2")), (PositionSide.SHORT, Decimal("0.3"))]


def test_an_account_is_warned_then_liquidated() -> None:
    exchange, _ = opened(MAKER, TAKER)
    exchange.apply(SetLeverage(TAKER, SYMBOL, 100), AT)
    trade(exchange, BUY, "1000", "100")
    exchange.apply(Withdraw(TAKER, account(exchange).wallet - 1500), AT)
    resting = place(exchange, TAKER, SELL, "1", "150")
    market = exchange.state.markets[SYMBOL]
    price = margin.liquidation_price(account(exchange), exchange.state.markets, market, PositionSide.BOTH)
    assert Decimal("98.8") < price < Decimal("98.9")
    assert marked(exchange, "99") == []
    assert [type(event) for event in marked(exchange, "98.9")] == [MarginCalled]
    assert marked(exchange, "98.9") == []
    assert marked(exchange, str(price + Decimal("0.00001"))) == []
    assert marked(exchange, str(price - Decimal("0.00001"))) != []
    assert resting.status is Status.EXPIRED
    assert account(exchange).position(SYMBOL, PositionSide.BOTH) == Position()
    order = exchange.state.orders[exchange.state.last_order]
    assert (order.status, order.executed, order.is_liquidation) == (Status.FILLED, Decimal(1000), True)
    assert account(exchange).wallet > 0
    assert account(exchange, MAKER).position(SYMBOL, PositionSide.BOTH).amount == -1000


def test_a_gap_leaves_the_wallet_at_zero_and_the_rest_to_the_insurance_fund() -> None:
    exchange, _ = opened(MAKER, TAKER)
    exchange.apply(SetLeverage(TAKER, SYMBOL, 100), AT)
    trade(exchange, BUY, "1000", "100")
    exchange.apply(Withdraw(TAKER, account(exchange).wallet - 1500), AT)
    cleared = [event for event in marked(exchange, "90") if isinstance(event, InsuranceCleared)]
    assert cleared[0].amount == 10_000 + 36 - 1500
    assert account(exchange).wallet == 0


def test_nobody_is_liquidated_before_every_price_is_known() -> None:
    exchange, _ = opened(MAKER, TAKER)
    trade(exchange, BUY, "1000", "100")
    exchange.state.markets[SYMBOL].mark = Decimal(0)
    account(exchange).positions["ETHUSDT", PositionSide.BOTH] = Position(Decimal(1), Decimal(10**6))
    assert marked(exchange, "90") == []


@given(st.floats(-0.01, 0.01), st.integers(0, 2 * 10**9), st.integers(0, 10**6))
def test_the_premium_is_bounded_and_the_rate_follows_the_published_formula(average: float, second: int, seed: int) -> None:
    premium = Premium(SYMBOL, seed)
    assert abs(premium.at(second)) <= LARGEST
    assert abs(premium.average(second - second % 28_800, 28_800, second)) <= LARGEST
    assert abs(price_at(Decimal(100), premium.at(second)) - 100) <= Decimal("0.11")
    rate = funding_rate(average, Decimal("0.004"))
    assert abs(rate) <= Decimal("0.003")
    if -0.0004 < average < 0.0006:
        assert rate == Decimal("0.0001")
    elif abs(average) < 0.002:
        assert abs(rate - Decimal(average)) <= Decimal("0.00050001")
