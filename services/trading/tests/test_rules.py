"""Trading rules: what may be sent, with which numbers, and what a refusal says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from contracts.trading import (
    OrderAboveMaximum,
    OrderBelowMinimum,
    OrderPriceInvalid,
    OrderPriceMissing,
    OrderType,
    OrderTypeUnsupported,
    PositionAction,
    Side,
    TradingPairUnknown,
)
from fake_exchange import rule
from order_examples import market, request
from trading.domain import money
from trading.domain.order_id import derived_order_id, external_order_id
from trading.domain.rules import Terms, terms


def test_the_rounded_numbers_are_sent() -> None:
    asked = request(amount=Decimal("1.23456"), price=Decimal("100.005"))
    facts = market(amount=Decimal("1.2345"), price_below=Decimal(100), price_above=Decimal("100.01"))
    assert terms(asked, facts) == Terms(Decimal("1.2345"), Decimal(100))
    assert terms(asked.model_copy(update={"side": Side.SELL}), facts).price == Decimal("100.01")


def test_a_market_order_has_no_price_and_is_worth_the_reference_price() -> None:
    asked = request(order_type=OrderType.MARKET, price=None)
    assert terms(asked, market(reference_price=Decimal(100))) == Terms(Decimal(1), None)
    with pytest.raises(OrderBelowMinimum, match=r"amount 1 at price 4\.99 has a notional of 4\.99, below min_notional_size 5"):
        terms(asked, market(reference_price=Decimal("4.99")))
    with pytest.raises(OrderBelowMinimum, match="without a known price has a notional of 0"):
        terms(asked, market(reference_price=None))
    free = replace(rule("BTC-USDT"), min_notional_size=Decimal(0))
    assert terms(asked, market(rule=free, reference_price=None)) == Terms(Decimal(1), None)


def test_what_is_left_of_a_contract_may_be_closed_however_little_it_is_worth() -> None:
    asked = request(order_type=OrderType.MARKET, price=None, position_action=PositionAction.CLOSE)
    facts = market(reference_price=Decimal("4.99"), contract=True)
    assert terms(asked, facts) == Terms(Decimal(1), None)
    with pytest.raises(OrderBelowMinimum):
        terms(asked, replace(facts, contract=False))
    with pytest.raises(OrderBelowMinimum):
        terms(asked.model_copy(update={"position_action": PositionAction.OPEN}), facts)


def test_an_unknown_pair_names_ten_that_are_listed() -> None:
    listed = tuple(f"A{n:02}-USDT" for n in range(30))
    with pytest.raises(TradingPairUnknown, match="Trading pair 'BTC-USDT' is not supported by binance") as refused:
        terms(request(), market(rule=None, listed=listed))
    assert refused.value.field == "trading_pair"
    assert refused.value.detail.endswith("A08-USDT, A09-USDT")


def test_an_unsupported_type_names_those_supported() -> None:
    with pytest.raises(OrderTypeUnsupported, match=r"Supported: LIMIT$") as refused:
        terms(request(order_type=OrderType.LIMIT_MAKER), market(order_types=(OrderType.LIMIT,)))
    assert refused.value.field == "order_type"
    no_market = replace(rule("BTC-USDT"), supports_market_orders=False)
    with pytest.raises(OrderTypeUnsupported, match=r"Supported: LIMIT, LIMIT_MAKER$"):
        terms(request(order_type=OrderType.MARKET), market(rule=no_market, reference_price=Decimal(100)))


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.LIMIT_MAKER])
def test_limit_orders_need_a_price(kind: OrderType) -> None:
    with pytest.raises(OrderPriceMissing, match=f"price is required for {kind} orders") as refused:
        terms(request(order_type=kind, price=None), market())
    assert refused.value.field == "price"


@pytest.mark.parametrize("price", ["0", "-1", "0.001"])
def test_a_price_that_is_nothing(price: str) -> None:
    with pytest.raises(OrderPriceInvalid) as refused:
        terms(request(price=Decimal(price)), market(price_below=Decimal(0), price_above=Decimal(0)))
    assert refused.value.field == "price"


def test_sizes_name_the_rule_and_both_numbers() -> None:
    with pytest.raises(OrderBelowMinimum, match=r"amount 0\.00019 \(0\.0001 after rounding") as refused:
        terms(request(amount=Decimal("0.00019")), market(amount=Decimal("0.0001")))
    assert refused.value.field == "amount"
    with pytest.raises(OrderBelowMinimum, match=r"amount 0\.00005 \(0 after .*\) is below min_order_size 0\.0001 of BTC-USDT"):
        terms(request(amount=Decimal("0.00005")), market(amount=Decimal(0)))
    with pytest.raises(OrderAboveMaximum, match="amount 9001 is above max_order_size 9000 of BTC-USDT"):
        terms(request(amount=Decimal(9001)), market(amount=Decimal(9001)))
    least = replace(rule("BTC-USDT"), min_notional_size=Decimal(0), min_order_value=Decimal(200))
    with pytest.raises(OrderBelowMinimum, match="notional of 100, below min_order_value 200"):
        terms(request(), market(rule=least))


def test_sums_and_products_keep_every_digit() -> None:
    tiny, huge = Decimal("1E-50"), Decimal("1E+40")
    assert money.add(huge, tiny) - huge != tiny or money.add(huge, tiny) == Decimal(f"1{'0' * 40}.{'0' * 49}1")
    assert str(money.product(Decimal("1.000000000000000000001"), Decimal("3.000000000000000000003"))).endswith("3")
    assert money.total([Decimal("0.1")] * 10) == 1
    assert money.average_price(Decimal(1), Decimal(0)) is None
    assert money.average_price(Decimal(10), Decimal(4)) == Decimal("2.5")
    assert money.average_price(Decimal("1E-29"), Decimal(3)) == Decimal("3E-30")


def test_ids_of_orders_placed_elsewhere() -> None:
    assert external_order_id("a", "binance", "web_1", "7") == "web_1"
    odd = external_order_id("a", "binance", "mobile:1.2", "7")
    assert odd == derived_order_id("a", "binance", "mobile:1.2")
    assert len(odd) <= 32
    assert external_order_id("a", "binance", "", "7") != external_order_id("b", "binance", "", "7")
