"""Futures orders: margin, positions in both modes, reduce-only orders, refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from futures_rig import AT, MAKER, SYMBOL, TAKER, account, marked, opened, place, trade
from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import IncomeType
from sandbox_exchange.domain.perpetual.commands import SetLeverage, SetPositionMode, Withdraw
from sandbox_exchange.domain.perpetual.exchange import FuturesExchange
from sandbox_exchange.domain.perpetual.positions import Position, PositionSide
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.commands import CancelAll, CancelOrder, Sweep
from sandbox_exchange.domain.spot.orders import OrderType, Side, Status, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
LONG, SHORT, BOTH = PositionSide.LONG, PositionSide.SHORT, PositionSide.BOTH


@pytest.fixture
def exchange() -> FuturesExchange:
    return opened(MAKER, TAKER)[0]


def refused(code: int) -> Any:
    return pytest.raises(Refused, match=f"^{code} ")


def test_entry_profit_and_fees_of_a_position_that_turns(exchange: FuturesExchange) -> None:
    trade(exchange, BUY, "10", "100")
    trade(exchange, BUY, "10", "110")
    held = account(exchange).position(SYMBOL, BOTH)
    assert (held.amount, held.entry_price) == (Decimal(20), Decimal(105))
    trade(exchange, SELL, "30", "108")
    held = account(exchange).position(SYMBOL, BOTH)
    assert (held.amount, held.entry_price) == (Decimal(-10), Decimal(108))
    income = [(each.type, each.amount) for each in account(exchange).income if each.type is IncomeType.REALIZED_PNL]
    assert income == [(IncomeType.REALIZED_PNL, Decimal(60))]
    fees = (10 * 100 + 10 * 110 + 30 * 108) * Decimal("0.0004")
    assert account(exchange).wallet == 100_000 + 60 - fees
    assert account(exchange, MAKER).wallet == 100_000 - 60 - fees / 2


def test_an_average_that_cannot_be_written_down_loses_nothing(exchange: FuturesExchange) -> None:
    for price in ("100", "100.1", "100.1"):
        trade(exchange, BUY, "1", price)
    for _ in range(3):
        trade(exchange, SELL, "1", "100.1")
    assert account(exchange).position(SYMBOL, BOTH) == Position()
    profits = [each.amount for each in account(exchange).income if each.type is IncomeType.REALIZED_PNL]
    assert profits[0] == Decimal("0.03333333")
    assert sum(profits) == Decimal("0.1")


def test_margin_is_notional_by_leverage_and_open_orders_count_where_they_enlarge(exchange: FuturesExchange) -> None:
    exchange.apply(SetLeverage(TAKER, SYMBOL, 10), AT)
    trade(exchange, BUY, "100", "100")
    assert margin.of_account(account(exchange), exchange.state.markets).initial == 1000
    place(exchange, TAKER, SELL, "150", "200")
    figures = margin.of_account(account(exchange), exchange.state.markets)
    assert (figures.position_margin, figures.order_margin) == (Decimal(1000), Decimal(1000))
    place(exchange, TAKER, BUY, "10", "90")
    assert margin.of_account(account(exchange), exchange.state.markets).order_margin == 1000
    with refused(-2019):
        place(exchange, TAKER, BUY, "9900", "100")
    with refused(-2019):
        exchange.apply(Withdraw(TAKER, Decimal(98_500)), AT)
    assert exchange.apply(Withdraw(TAKER, Decimal(97_000)), AT)


def test_what_reduces_needs_no_margin(exchange: FuturesExchange) -> None:
    exchange.apply(SetLeverage(TAKER, SYMBOL, 125), AT)
    trade(exchange, BUY, "9000", "100")
    exchange.apply(Withdraw(TAKER, Decimal(90_000)), AT)
    marked(exchange, "99.8")
    assert margin.available(account(exchange), margin.of_account(account(exchange), exchange.state.markets)) < 1000
    with refused(-2019):
        place(exchange, TAKER, BUY, "9000", "99.8")
    assert place(exchange, TAKER, SELL, "9000", "105").status is Status.NEW


def test_a_limit_far_through_the_market_costs_the_difference_at_once(exchange: FuturesExchange) -> None:
    exchange.apply(SetLeverage(TAKER, SYMBOL, 100), AT)
    with refused(-2019):
        place(exchange, TAKER, BUY, "1000", "250")
    assert place(exchange, TAKER, SELL, "1000", "250").status is Status.NEW


def test_reduce_only_orders_trade_what_the_position_holds_and_end_with_it(exchange: FuturesExchange) -> None:
    with refused(-2022):
        place(exchange, TAKER, SELL, "1", "100", reduce_only=True)
    trade(exchange, BUY, "3", "100")
    with refused(-2022):
        place(exchange, TAKER, BUY, "1", "100", reduce_only=True)
    resting = place(exchange, TAKER, SELL, "5", "120", reduce_only=True)
    other = place(exchange, TAKER, SELL, "2", "119")
    taker = place(exchange, MAKER, BUY, "10", "121")
    assert (other.status, resting.status, resting.executed) == (Status.FILLED, Status.EXPIRED, Decimal(1))
    assert taker.executed == 3
    assert account(exchange).position(SYMBOL, BOTH) == Position()
    place(exchange, MAKER, BUY, "1", "100")
    trade(exchange, BUY, "3", "121")
    place(exchange, MAKER, BUY, "5", "120")
    greedy = place(exchange, TAKER, SELL, "9", "100", reduce_only=True)
    assert (greedy.status, greedy.executed) == (Status.EXPIRED, Decimal(3))


def test_hedge_mode_holds_both_sides(exchange: FuturesExchange) -> None:
    exchange.apply(SetPositionMode(TAKER, hedge=True), AT)
    with refused(-4061):
        place(exchange, TAKER, BUY, "1", "100")
    with refused(-1106):
        place(exchange, TAKER, BUY, "1", "100", position_side=LONG, reduce_only=True)
    with refused(-2022):
        place(exchange, TAKER, SELL, "1", "100", position_side=LONG)
    trade(exchange, BUY, "2", "100", position_side=LONG)
    trade(exchange, SELL, "3", "110", position_side=SHORT)
    assert account(exchange).position(SYMBOL, LONG) == Position(Decimal(2), Decimal(200))
    assert account(exchange).position(SYMBOL, SHORT) == Position(Decimal(-3), Decimal(330))
    with refused(-2022):
        place(exchange, TAKER, BUY, "4", "100", position_side=SHORT)
    trade(exchange, BUY, "3", "100", position_side=SHORT)
    assert account(exchange).position(SYMBOL, SHORT) == Position()
    assert [each.amount for each in account(exchange).income if each.type is IncomeType.REALIZED_PNL] == [30]


def test_position_mode_and_leverage_are_refused_as_binance_does(exchange: FuturesExchange) -> None:
    with refused(-4059):
        exchange.apply(SetPositionMode(TAKER, hedge=False), AT)
    resting = place(exchange, TAKER, BUY, "2", "90")
    with refused(-4067):
        exchange.apply(SetPositionMode(TAKER, hedge=True), AT)
    exchange.apply(CancelOrder(TAKER, SYMBOL, resting.id), AT)
    with refused(-2011):
        exchange.apply(CancelOrder(TAKER, SYMBOL, resting.id), AT)
    trade(exchange, BUY, "9000", "100")
    with refused(-4068):
        exchange.apply(SetPositionMode(TAKER, hedge=True), AT)
    for leverage in (0, 126):
        with refused(-4028):
            exchange.apply(SetLeverage(TAKER, SYMBOL, leverage), AT)
    with refused(-2028):
        exchange.apply(SetLeverage(TAKER, SYMBOL, 8), AT)
    assert exchange.apply(SetLeverage(TAKER, SYMBOL, 10), AT)
    assert exchange.apply(SetLeverage(TAKER, SYMBOL, 10), AT) == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"quantity": "1", "price": "100.05"}, -4014),
        ({"quantity": "1", "price": "0.01"}, -4013),
        ({"quantity": "1", "price": "99999999"}, -4016),
        ({"quantity": "1.0001", "price": "100"}, -4023),
        ({"quantity": "0", "price": "100"}, -4003),
        ({"quantity": "0.0001", "price": "100"}, -4004),
        ({"quantity": "20000", "price": "100"}, -4005),
        ({"quantity": "0.5", "price": "100"}, -4164),
        ({"quantity": "0.5"}, -4164),
        ({"quantity": "1", "price": "101", "type": OrderType.LIMIT_MAKER}, -5022),
        ({"quantity": "5", "price": "101", "time_in_force": TimeInForce.FOK}, -5021),
        ({"quantity": "2", "price": "90", "client_order_id": "mine"}, -4116),
    ],
)
def test_wrong_orders_are_refused_and_change_nothing(exchange: FuturesExchange, more: dict[str, Any], code: int) -> None:
    place(exchange, MAKER, SELL, "2", "101")
    place(exchange, TAKER, BUY, "1", "100", client_order_id="mine")
    before = len(exchange.state.orders)
    with refused(code):
        place(exchange, TAKER, BUY, **more)
    assert len(exchange.state.orders) == before


def test_what_does_not_rest_expires_and_own_orders_never_meet(exchange: FuturesExchange) -> None:
    place(exchange, MAKER, SELL, "2", "101")
    taken = place(exchange, TAKER, BUY, "5", "101", time_in_force=TimeInForce.IOC)
    assert (taken.status, taken.executed) == (Status.EXPIRED, Decimal(2))
    assert place(exchange, TAKER, BUY, "5").status is Status.EXPIRED
    own = place(exchange, TAKER, SELL, "2", "101")
    place(exchange, TAKER, BUY, "2", "101")
    assert own.status is Status.EXPIRED_IN_MATCH
    assert exchange.apply(CancelAll(TAKER, SYMBOL), AT)
    assert exchange.apply(CancelAll(TAKER, SYMBOL), AT) == []


def test_the_crowd_fills_resting_orders(exchange: FuturesExchange) -> None:
    resting = place(exchange, TAKER, BUY, "2", "99.5")
    exchange.apply(Sweep(SYMBOL, SELL, Decimal("99.5"), Decimal("1.5")), AT)
    assert resting.executed == Decimal("1.5")
    assert account(exchange).position(SYMBOL, BOTH).amount == Decimal("1.5")
    fee = Decimal("1.5") * Decimal("99.5") * Decimal("0.0002")
    assert account(exchange).wallet == 100_000 - fee
