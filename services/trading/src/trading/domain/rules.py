"""Whether an order may be sent, judged by the exchange's trading rules, and the numbers it is sent with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable

from contracts.message import plain_decimal
from contracts.trading import (
    OrderAboveMaximum,
    OrderBelowMinimum,
    OrderPriceInvalid,
    OrderPriceMissing,
    OrderType,
    OrderTypeUnsupported,
    PlaceOrder,
    PositionAction,
    Side,
    TradingPairUnknown,
)

from trading.domain import money

PAIRS_NAMED = 10


@runtime_checkable
class Rule(Protocol):
    """The part of an exchange's trading rule that judges an order. Amounts in base, notional in quote."""

    @property
    def min_order_size(self) -> Decimal: ...
    @property
    def max_order_size(self) -> Decimal | None: ...
    @property
    def min_notional_size(self) -> Decimal: ...
    @property
    def min_order_value(self) -> Decimal: ...
    @property
    def supports_limit_orders(self) -> bool: ...
    @property
    def supports_market_orders(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Market:
    """What the shell looked up about an order's market before the decision.

    `rule` is None for a pair the exchange does not list; `listed` then names pairs it does list. `amount` is rounded down to
    the pair's increments; `price_below` and `price_above` are the tradable prices next to the asked one (equal to it when it
    is tradable). `reference_price` stands in for the price of a market order. `contract`: what is held is a position of a
    contract, and what is left of one may be closed however little it is worth.
    """

    rule: Rule | None
    listed: tuple[str, ...]
    order_types: tuple[OrderType, ...]
    amount: Decimal
    price_below: Decimal | None = None
    price_above: Decimal | None = None
    reference_price: Decimal | None = None
    contract: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """Amount and price as they go to the exchange; the price of a market order is None."""

    amount: Decimal
    price: Decimal | None


def terms(order: PlaceOrder, market: Market) -> Terms:
    """The order's numbers under the rules.

    The amount is never rounded up. A limit price is never rounded to a worse one: down for a buy, up for a sell. Raises
    TradingPairUnknown, OrderTypeUnsupported, OrderPriceMissing, OrderPriceInvalid, OrderBelowMinimum, OrderAboveMaximum.
    """
    if market.rule is None:
        raise TradingPairUnknown(_unlisted(order, market), field="trading_pair")
    _check_type(order, market.rule, market.order_types)
    price = _limit_price(order, market)
    _check_amount(order, market.rule, market.amount)
    if not (market.contract and order.position_action is PositionAction.CLOSE):
        _check_notional(order, market.rule, market.amount, price or market.reference_price)
    return Terms(market.amount, price)


def _unlisted(order: PlaceOrder, market: Market) -> str:
    names = ", ".join(sorted(market.listed)[:PAIRS_NAMED])
    return f"Trading pair '{order.trading_pair}' is not supported by {order.connector}. Supported pairs include: {names}"


def _check_type(order: PlaceOrder, rule: Rule, supported: tuple[OrderType, ...]) -> None:
    allowed = [
        kind for kind in supported if (rule.supports_market_orders if kind is OrderType.MARKET else rule.supports_limit_orders)
    ]
    if order.order_type not in allowed:
        names = ", ".join(kind.value for kind in allowed)
        detail = (
            f"Order type {order.order_type} is not supported by {order.connector} for {order.trading_pair}. Supported: {names}"
        )
        raise OrderTypeUnsupported(detail, field="order_type")


def _limit_price(order: PlaceOrder, market: Market) -> Decimal | None:
    if order.order_type is OrderType.MARKET:
        return None
    if order.price is None:
        raise OrderPriceMissing(f"price is required for {order.order_type} orders", field="price")
    if order.price <= 0:
        raise OrderPriceInvalid(f"price {plain_decimal(order.price)} must be greater than 0", field="price")
    price = market.price_below if order.side is Side.BUY else market.price_above
    if not price or price <= 0:
        detail = (
            f"price {plain_decimal(order.price)} of {order.trading_pair} is {plain_decimal(price or Decimal(0))} "
            f"after rounding to min_price_increment"
        )
        raise OrderPriceInvalid(detail, field="price")
    return price


def _check_amount(order: PlaceOrder, rule: Rule, amount: Decimal) -> None:
    if amount <= 0 or amount < rule.min_order_size:
        detail = f"{_shown(order, amount)} is below min_order_size {plain_decimal(rule.min_order_size)} of {order.trading_pair}"
        raise OrderBelowMinimum(detail, field="amount")
    if rule.max_order_size is not None and amount > rule.max_order_size:
        detail = f"{_shown(order, amount)} is above max_order_size {plain_decimal(rule.max_order_size)} of {order.trading_pair}"
        raise OrderAboveMaximum(detail, field="amount")


def _check_notional(order: PlaceOrder, rule: Rule, amount: Decimal, price: Decimal | None) -> None:
    minima = {"min_notional_size": rule.min_notional_size, "min_order_value": rule.min_order_value}
    if not any(minima.values()):
        return
    # A market order whose price nobody knows cannot prove its value: it counts as 0, as in the contract.
    notional = money.product(amount, price or Decimal(0))
    for name, least in minima.items():
        if notional < least:
            at = f"at price {plain_decimal(price)}" if price else "without a known price"
            detail = (
                f"{_shown(order, amount)} {at} has a notional of {plain_decimal(notional)}, "
                f"below {name} {plain_decimal(least)} of {order.trading_pair}"
            )
            raise OrderBelowMinimum(detail, field="amount")


def _shown(order: PlaceOrder, amount: Decimal) -> str:
    asked = plain_decimal(order.amount)
    sent = plain_decimal(amount)
    return f"amount {asked}" if asked == sent else f"amount {asked} ({sent} after rounding down to the pair's increment)"
