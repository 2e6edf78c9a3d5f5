"""The executor decider, and what an executor is told and has earned."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from contracts.accounts import OrdersOpen
from contracts.message import Event
from contracts.trading import (
    CloseType,
    ExecutorClosed,
    ExecutorCreated,
    ExecutorIdUsed,
    ExecutorNotActive,
    ExecutorProgressed,
    ExecutorStarted,
    ExecutorStatus,
    ExecutorStopRequested,
    ExecutorType,
    ExecutorUnknown,
    Market,
    OrderCancelled,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderSubmitted,
    OrderType,
    SessionReleased,
    Side,
)
from eventlog.scenario import Scenario
from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import Begin, Close, Create, Progress, RequestStop
from trading.domain.executor_orders import News, Picture, Seen, exposure, news, picture, told_of
from trading.domain.executor_result import earned, residue
from trading.domain.session import SESSION, Release

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 13, tzinfo=UTC)
CREATED = ExecutorCreated(
    executor_id="e1",
    executor_type=ExecutorType.POSITION,
    account="main",
    controller_id="main",
    markets=(Market(connector="binance", trading_pair="BTC-USDT"),),
    config={"type": "position_executor", "amount": "1", "timestamp": 1.0},
    time=NOW,
)
STARTED = ExecutorStarted(executor_id="e1", holder="r1", time=NOW)
ZEROS = dict.fromkeys(("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote"), Decimal(0))
CLOSE = Close(
    executor_id="e1", close_type=CloseType.EARLY_STOP, figures=ZEROS, held=(), custom_info={}, reason=None, time=LATER
)
CLOSED = ExecutorClosed(executor_id="e1", close_type=CloseType.EARLY_STOP, **ZEROS, time=LATER)
STOP = RequestStop(executor_id="e1", keep_position=False, reason="asked", time=NOW)
PROGRESS = Progress(
    executor_id="e1", status=ExecutorStatus.RUNNING, state={"a": 1}, placing=("o1",), seen={"o1": {}}, figures=ZEROS
)
PROGRESSED = ExecutorProgressed(
    executor_id="e1", status=ExecutorStatus.RUNNING, state={"a": 1}, placing=("o1",), seen={"o1": {}}, figures=ZEROS
)


def test_an_executor_is_created_once() -> None:
    create = Create(executor_id="e1", created=CREATED)
    Scenario(EXECUTOR).given().when(create).then(CREATED)
    again = CREATED.model_copy(update={"time": LATER, "config": {**CREATED.config, "timestamp": 2.0}})
    Scenario(EXECUTOR).given(CREATED).when(Create(executor_id="e1", created=again)).then_nothing()


def test_an_id_is_not_used_for_another_configuration() -> None:
    other = CREATED.model_copy(update={"config": {**CREATED.config, "amount": "2"}})
    Scenario(EXECUTOR).given(CREATED).when(Create(executor_id="e1", created=other)).then_rejected(ExecutorIdUsed, field="id")


def test_it_begins_once_and_not_after_its_end() -> None:
    begin = Begin(executor_id="e1", holder="r1", time=NOW)
    Scenario(EXECUTOR).given(CREATED).when(begin).then(STARTED)
    Scenario(EXECUTOR).given(CREATED, STARTED).when(begin).then_nothing()
    Scenario(EXECUTOR).given(CREATED, CLOSED).when(begin).then_nothing()


def test_progress_is_stored_when_something_changed() -> None:
    Scenario(EXECUTOR).given(CREATED, STARTED).when(PROGRESS).then(PROGRESSED)
    same = PROGRESS.model_copy(update={"placing": ()})
    Scenario(EXECUTOR).given(CREATED, STARTED, PROGRESSED).when(same).then_nothing()


def test_a_wish_to_stop_is_taken_until_the_end() -> None:
    requested = ExecutorStopRequested(executor_id="e1", keep_position=False, reason="asked", time=NOW)
    Scenario(EXECUTOR).given().when(STOP).then_rejected(ExecutorUnknown, field="executor_id")
    Scenario(EXECUTOR).given(CREATED).when(STOP).then(requested)
    Scenario(EXECUTOR).given(CREATED, requested).when(STOP).then_nothing()
    Scenario(EXECUTOR).given(CREATED, CLOSED).when(STOP).then_rejected(ExecutorNotActive, field="executor_id")


def test_it_closes_once() -> None:
    Scenario(EXECUTOR).given(CREATED).when(CLOSE).then(CLOSED)
    Scenario(EXECUTOR).given(CREATED, CLOSED).when(CLOSE).then_nothing()


def test_what_the_engine_ended_but_the_exchange_still_holds_is_shutting_down() -> None:
    ended = PROGRESSED.model_copy(update={"status": ExecutorStatus.TERMINATED})
    assert EXECUTOR.fold(EXECUTOR.initial, [CREATED, STARTED, ended]).status is ExecutorStatus.SHUTTING_DOWN
    assert EXECUTOR.fold(EXECUTOR.initial, [CREATED, ended, CLOSED]).status is ExecutorStatus.TERMINATED


def placed(order_id: str, side: Side = Side.BUY, amount: str = "2") -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id,
        account="main",
        connector="binance",
        trading_pair="BTC-USDT",
        side=side,
        order_type=OrderType.MARKET,
        amount=Decimal(amount),
        price=None,
        requested_amount=Decimal(amount),
        requested_price=None,
    )


def filled(order: OrderPlaced, trade_id: str, amount: str, price: str, fee: str = "0", token: str = "USDT") -> OrderFilled:  # noqa: S107
    return OrderFilled(
        order_id=order.order_id,
        trade_id=trade_id,
        exchange_order_id="1",
        account="main",
        connector="binance",
        trading_pair=order.trading_pair,
        side=order.side,
        order_type=order.order_type,
        price=Decimal(price),
        amount=Decimal(amount),
        fee=Decimal(fee),
        fee_token=token,
        time=NOW,
    )


def seen_as(*events: Event) -> Picture:
    found = picture((event, NOW) for event in events)
    assert found is not None
    return found


def kinds(order: Picture | None, seen: Seen) -> list[News]:
    return [kind for kind, _ in news(order, seen)]


def test_an_order_without_an_intent_never_left() -> None:
    assert picture([]) is None
    assert kinds(None, Seen()) == [News.FAILED]


def test_what_was_told_is_not_told_again() -> None:
    order = placed("o1")
    first, second = filled(order, "t1", "1", "100"), filled(order, "t2", "1", "100")
    open_ = seen_as(order, OrderSubmitted(order_id="o1", exchange_order_id="1", time=NOW), first)
    assert kinds(open_, Seen()) == [News.CREATED, News.FILLED]
    told = told_of(open_, Seen())
    assert kinds(open_, told) == []
    more = seen_as(order, OrderSubmitted(order_id="o1", exchange_order_id="1", time=NOW), first, second)
    assert kinds(more, told) == [News.FILLED]


def test_a_fill_before_the_acknowledgement_tells_that_the_order_exists() -> None:
    order = placed("o1")
    cancelled = OrderCancelled(order_id="o1", reason="", time=NOW)
    assert kinds(seen_as(order, filled(order, "t1", "1", "100"), cancelled), Seen()) == [
        News.CREATED,
        News.FILLED,
        News.CANCELLED,
    ]
    rejected = OrderRejected(order_id="o1", reason="no", evidence="")
    assert kinds(seen_as(order, rejected), Seen()) == [News.FAILED]


def test_what_is_left_is_bought_less_sold_less_fees_in_base() -> None:
    buy, sell = placed("o1"), placed("o2", Side.SELL)
    bought = seen_as(buy, filled(buy, "t1", "2", "100", "0.002", "BTC"))
    sold = seen_as(sell, filled(sell, "t2", "1.5", "110", "0.1"))
    assert exposure([bought, sold]) == {("binance", "BTC-USDT"): Decimal("0.498")}
    assert residue(ExecutorType.POSITION, [bought, sold]) == {("binance", "BTC-USDT"): Decimal("0.498")}
    assert residue(ExecutorType.TWAP, [bought]) == {}


def test_a_contracts_fee_does_not_change_what_is_left() -> None:
    buy = placed("o1").model_copy(update={"connector": "binance_perpetual"})
    bought = seen_as(buy, filled(buy, "t1", "2", "100", "0.002", "BTC"))
    assert exposure([bought]) == {("binance_perpetual", "BTC-USDT"): Decimal(2)}


def test_two_markets_make_up_for_each_other() -> None:
    buy = placed("o1")
    sell = placed("o2", Side.SELL).model_copy(update={"connector": "kraken"})
    bought = seen_as(buy, filled(buy, "t1", "2", "100"))
    sold = seen_as(sell, filled(sell, "t2", "2", "101").model_copy(update={"connector": "kraken"}))
    assert residue(ExecutorType.ARBITRAGE, [bought, sold]) == {}
    assert residue(ExecutorType.ARBITRAGE, [bought]) == {("binance", "BTC-USDT"): Decimal(2)}


def test_what_it_earned_is_sold_less_bought_less_fees() -> None:
    buy, sell = placed("o1"), placed("o2", Side.SELL)
    orders = [seen_as(buy, filled(buy, "t1", "2", "100", "0.2")), seen_as(sell, filled(sell, "t2", "2", "110", "0.22"))]
    assert earned(ExecutorType.POSITION, orders) == {
        "net_pnl_quote": Decimal("19.58"),
        "net_pnl_pct": Decimal("0.0979"),
        "cum_fees_quote": Decimal("0.42"),
        "filled_amount_quote": Decimal(420),
    }


def test_a_fee_that_left_less_to_sell_counts_once() -> None:
    buy, sell = placed("o1"), placed("o2", Side.SELL)
    bought = seen_as(buy, filled(buy, "t1", "2", "100", "0.002", "BTC"))
    orders = [bought, seen_as(sell, filled(sell, "t2", "1.998", "110", "0.2"))]
    figures = earned(ExecutorType.POSITION, orders)
    # The wallet has 200 less, and 219.78 less the fee of 0.2 more.
    assert (figures["net_pnl_quote"], figures["cum_fees_quote"]) == (Decimal("19.58"), Decimal("0.4"))


def test_what_is_left_too_small_to_trade_is_worth_what_its_market_paid_last() -> None:
    sell, buy = placed("o1", Side.SELL), placed("o2")
    sold = seen_as(sell, filled(sell, "t1", "2", "110", "0.22"))
    short = [sold, seen_as(buy, filled(buy, "t2", "2", "100", "0.002", "BTC"))]
    assert residue(ExecutorType.POSITION, short) == {("binance", "BTC-USDT"): Decimal("-0.002")}
    assert earned(ExecutorType.POSITION, short)["net_pnl_quote"] == Decimal("19.58")


def test_a_session_on_which_executors_run_is_not_let_go_unless_forced() -> None:
    release = Release(account="main", connector="binance", open_orders=0, executors=2, force=False)
    Scenario(SESSION).given().when(release).then_rejected(OrdersOpen)
    forced = release.model_copy(update={"force": True})
    Scenario(SESSION).given().when(forced).then(SessionReleased(account="main", connector="binance"))
