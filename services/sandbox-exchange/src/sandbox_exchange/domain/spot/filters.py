"""The filters of a pair, checked in Binance's order and refused with Binance's names."""

from __future__ import annotations

from decimal import Decimal

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.refusals import filter_failure
from sandbox_exchange.domain.spot.orders import ZERO


def check_price(pair: Pair, price: Decimal) -> None:
    """Refuse a limit price outside the price filter."""
    if price < pair.tick or price > pair.max_price or price % pair.tick:
        raise filter_failure("PRICE_FILTER")


def check_quantity(pair: Pair, quantity: Decimal) -> None:
    """Refuse a base quantity outside the lot size."""
    if quantity < pair.step or quantity > pair.max_quantity or quantity % pair.step:
        raise filter_failure("LOT_SIZE")


def check_notional(pair: Pair, notional: Decimal, *, is_market: bool) -> None:
    """Refuse an order worth too little, or too much when it has a limit price; a market order has no upper bound."""
    if notional < pair.min_notional or (not is_market and notional > pair.max_notional):
        raise filter_failure("NOTIONAL")


def describe(pair: Pair) -> list[dict[str, object]]:
    """The filters as `exchangeInfo` lists them."""
    lot = {"minQty": f"{pair.step:.8f}", "maxQty": f"{pair.max_quantity:.8f}", "stepSize": f"{pair.step:.8f}"}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{pair.tick:.8f}",
            "maxPrice": f"{pair.max_price:.8f}",
            "tickSize": f"{pair.tick:.8f}",
        },
        {"filterType": "LOT_SIZE", **lot},
        {
            "filterType": "NOTIONAL",
            "minNotional": f"{pair.min_notional:.8f}",
            "applyMinToMarket": True,
            "maxNotional": f"{pair.max_notional:.8f}",
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
    ]


def is_amount(value: Decimal) -> bool:
    """Whether an amount can be deposited or withdrawn: positive, at most eight decimals, at most 10^12."""
    exponent = value.as_tuple().exponent
    return value.is_finite() and ZERO < value <= Decimal(10) ** 12 and isinstance(exponent, int) and exponent >= -8
