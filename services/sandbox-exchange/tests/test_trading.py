"""Orders meeting the book: priority, partial fills, order kinds, self-trades, refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.commands import CancelAll, CancelOrder, OpenAccount, PlaceOrder, Quote, Sweep, Withdraw
from sandbox_exchange.domain.spot.events import OrderClosed, Traded
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import Order, OrderType, SelfTrade, Side, Status, TimeInForce

SYMBOL = "BTCUSDT"
AT = 1_790_000_000_000
MAKER, TAKER = "000001", "000002"


@pytest.fixture
def exchange() -> Exchange:
    opened = Exchange(LISTED)
    for key in ("maker", "taker"):
        opened.apply(OpenAccount(key, "secret", (("USDT", Decimal(100_000)), ("BTC", Decimal(10)))), AT)
    opened.state.markets[SYMBOL].last_price = Decimal(100)
    return opened


def place(exchange: Exchange, account: str, side: Side, quantity: str, price: str = "0", **more: Any) -> Order:
    kind = more.pop("type", OrderType.LIMIT if Decimal(price) else OrderType.MARKET)
    command = PlaceOrder(account, SYMBOL, side, kind, Decimal(quantity), Decimal(price), **more)
    exchange.apply(command, AT)
    return exchange.state.orders[exchange.state.last_order]


def outcome(order: Order) -> tuple[str, Decimal]:
    return order.status, order.executed


def free(exchange: Exchange, account: str, asset: str) -> Decimal:
    return exchange.state.accounts[account].balance(asset).free


def test_better_price_first_then_older_first(exchange: Exchange) -> None:
    late_best = place(exchange, MAKER, Side.SELL, "1", "101")
    first = place(exchange, MAKER, Side.SELL, "1", "100")
    second = place(exchange, MAKER, Side.SELL, "1", "100")
    taker = place(exchange, TAKER, Side.BUY, "2.5", "101")
    assert [first.executed, second.executed, late_best.executed] == [1, 1, Decimal("0.5")]
    assert taker.status is Status.FILLED
    assert taker.quote_executed == Decimal("250.5")


def test_a_better_price_frees_the_difference_and_fees_come_from_what_is_received(exchange: Exchange) -> None:
    place(exchange, MAKER, Side.SELL, "1", "100")
    place(exchange, TAKER, Side.BUY, "1", "120")
    assert free(exchange, TAKER, "USDT") == Decimal(100_000) - 100
    assert free(exchange, TAKER, "BTC") == Decimal("10.999")
    assert free(exchange, MAKER, "USDT") == Decimal(100_000) + Decimal("99.9")
    assert exchange.state.accounts[TAKER].balance("USDT").locked == 0
    assert exchange.state.fees == {"BTC": Decimal("0.001"), "USDT": Decimal("0.1")}


def test_the_rest_of_a_limit_order_rests_and_can_be_cancelled(exchange: Exchange) -> None:
    place(exchange, MAKER, Side.SELL, "1", "100")
    order = place(exchange, TAKER, Side.BUY, "3", "100", client_order_id="mine")
    assert order.status is Status.PARTIALLY_FILLED
    assert exchange.state.accounts[TAKER].balance("USDT").locked == 200
    exchange.apply(CancelOrder(TAKER, SYMBOL, client_order_id="mine"), AT)
    assert outcome(order) == ("CANCELED", Decimal(1))
    assert exchange.state.accounts[TAKER].balance("USDT").locked == 0
    with pytest.raises(Refused, match="-2011 Unknown order sent"):
        exchange.apply(CancelOrder(TAKER, SYMBOL, order.id), AT)


def test_immediate_orders(exchange: Exchange) -> None:
    place(exchange, MAKER, Side.SELL, "1", "100")
    killed = place(exchange, TAKER, Side.BUY, "2", "100", time_in_force=TimeInForce.FOK)
    assert outcome(killed) == ("EXPIRED", Decimal("0"))
    partly = place(exchange, TAKER, Side.BUY, "2", "100", time_in_force=TimeInForce.IOC)
    assert outcome(partly) == ("EXPIRED", Decimal("1"))
    assert free(exchange, TAKER, "USDT") == Decimal(100_000) - 100
    place(exchange, MAKER, Side.SELL, "1", "100")
    filled = place(exchange, TAKER, Side.BUY, "1", "100", time_in_force=TimeInForce.FOK)
    assert filled.status is Status.FILLED


def test_maker_only_never_takes(exchange: Exchange) -> None:
    place(exchange, MAKER, Side.SELL, "1", "100")
    with pytest.raises(Refused, match="-2010 Order would immediately match and take"):
        place(exchange, TAKER, Side.BUY, "1", "100", type=OrderType.LIMIT_MAKER)
    rested = place(exchange, TAKER, Side.BUY, "1", "99.99", type=OrderType.LIMIT_MAKER)
    assert rested.status is Status.NEW


def test_market_orders_by_quantity_and_by_quote_amount(exchange: Exchange) -> None:
    place(exchange, MAKER, Side.SELL, "1", "100")
    place(exchange, MAKER, Side.SELL, "1", "110")
    bought = place(exchange, TAKER, Side.BUY, "1.5")
    assert (bought.status, bought.quote_executed) == (Status.FILLED, Decimal(155))
    spent = place(exchange, TAKER, Side.BUY, "0", quote_quantity=Decimal("11.0001"))
    assert (spent.status, spent.executed, spent.quantity) == (Status.FILLED, Decimal("0.1"), Decimal("0.1"))
    short = place(exchange, TAKER, Side.BUY, "5")
    assert outcome(short) == ("EXPIRED", Decimal("0.4"))
    none = place(exchange, TAKER, Side.BUY, "5")
    assert outcome(none) == ("EXPIRED", Decimal("0"))
    place(exchange, MAKER, Side.BUY, "1", "100")
    sold = place(exchange, TAKER, Side.SELL, "0", quote_quantity=Decimal(50))
    assert outcome(sold) == ("FILLED", Decimal("0.5"))
    out = place(exchange, TAKER, Side.SELL, "0", quote_quantity=Decimal(500))
    assert outcome(out) == ("EXPIRED", Decimal("0.5"))


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "executed"),
    [
        (SelfTrade.EXPIRE_MAKER, Status.EXPIRED_IN_MATCH, Status.FILLED, 1),
        (SelfTrade.EXPIRE_TAKER, Status.NEW, Status.EXPIRED_IN_MATCH, 0),
        (SelfTrade.EXPIRE_BOTH, Status.EXPIRED_IN_MATCH, Status.EXPIRED_IN_MATCH, 0),
    ],
)
def test_an_account_never_trades_with_itself(
    exchange: Exchange, mode: SelfTrade, maker: Status, taker: Status, executed: int
) -> None:
    own = place(exchange, TAKER, Side.SELL, "1", "100")
    place(exchange, MAKER, Side.SELL, "1", "101")
    order = place(exchange, TAKER, Side.BUY, "1", "101", self_trade=mode)
    assert (own.status, *outcome(order)) == (maker, taker, Decimal(executed))
    assert own.executed == 0


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("0.000001", "100", "LOT_SIZE"),
        ("0.000015", "100", "LOT_SIZE"),
        ("1", "100.001", "PRICE_FILTER"),
        ("0.04", "100", "NOTIONAL"),
        ("2000", "100", "insufficient balance"),
    ],
)
def test_refused_orders_change_nothing(exchange: Exchange, quantity: str, price: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        place(exchange, TAKER, Side.BUY, quantity, price)
    assert free(exchange, TAKER, "USDT") == 100_000
    assert not exchange.state.orders


def test_an_open_client_id_cannot_be_used_twice(exchange: Exchange) -> None:
    first = place(exchange, TAKER, Side.BUY, "1", "90", client_order_id="same")
    with pytest.raises(Refused, match="-2010 Duplicate order sent"):
        place(exchange, TAKER, Side.BUY, "1", "90", client_order_id="same")
    exchange.apply(CancelAll(TAKER, SYMBOL), AT)
    assert place(exchange, TAKER, Side.BUY, "1", "90", client_order_id="same").id == first.id + 1


def test_quotes_take_crossed_orders_and_keep_their_place(exchange: Exchange) -> None:
    one, ten = Decimal(1), Decimal(10)
    exchange.apply(Quote(SYMBOL, ((Decimal(99), one),), ((Decimal(101), one),)), AT)
    standing = dict(exchange.state.markets[SYMBOL].quotes)
    order = place(exchange, TAKER, Side.BUY, "3", "100")
    exchange.apply(Quote(SYMBOL, ((Decimal(99), one),), ((Decimal(101), one), (Decimal("99.5"), one))), AT)
    assert (order.executed, order.quote_executed) == (Decimal(1), Decimal(100))
    assert exchange.state.markets[SYMBOL].quotes[Side.BUY, Decimal(99)] is standing[Side.BUY, Decimal(99)]
    events = exchange.apply(Sweep(SYMBOL, Side.SELL, Decimal(99), ten), AT)
    assert [type(event) for event in events] == [Traded]
    assert order.status is Status.FILLED


def test_the_crowd_serves_quotes_ahead_in_the_queue_first(exchange: Exchange) -> None:
    exchange.apply(Quote(SYMBOL, ((Decimal(99), Decimal(2)),), ()), AT)
    order = place(exchange, TAKER, Side.BUY, "1", "99")
    exchange.apply(Sweep(SYMBOL, Side.SELL, Decimal(99), Decimal(2)), AT)
    assert order.executed == 0
    exchange.apply(Sweep(SYMBOL, Side.SELL, Decimal(99), Decimal("2.5")), AT)
    assert order.executed == Decimal("0.5")


def test_withdrawals_take_free_funds_only(exchange: Exchange) -> None:
    place(exchange, TAKER, Side.SELL, "9", "200")
    with pytest.raises(Refused, match="insufficient"):
        exchange.apply(Withdraw(TAKER, "BTC", Decimal(2)), AT)
    exchange.apply(Withdraw(TAKER, "BTC", Decimal(1)), AT)
    assert free(exchange, TAKER, "BTC") == 0


def test_a_killed_order_reports_one_end(exchange: Exchange) -> None:
    events = exchange.apply(
        PlaceOrder(TAKER, SYMBOL, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(100), time_in_force=TimeInForce.IOC), AT
    )
    assert [event.status for event in events if isinstance(event, OrderClosed)] == [Status.EXPIRED]
