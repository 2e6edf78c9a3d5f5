"""Exact arithmetic: sums and products of amounts keep every digit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact

_EXACT = Context(prec=1000, traps=[Inexact])
_QUOTIENT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal("1e-30")


def add(left: Decimal, right: Decimal) -> Decimal:
    """The exact sum."""
    return _EXACT.add(left, right)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum of many; 0 of none."""
    result = Decimal(0)
    for amount in amounts:
        result = add(result, amount)
    return result


def product(left: Decimal, right: Decimal) -> Decimal:
    """The exact product."""
    return _EXACT.multiply(left, right)


def average_price(quote: Decimal, base: Decimal) -> Decimal | None:
    """Quote per base: exact where the quotient ends within 40 digits, else rounded there; None without an amount.

    The quotient is the only number here that can need rounding; quote and base themselves are kept exactly.
    """
    if not base:
        return None
    price = _QUOTIENT.divide(quote, base)
    places = price.as_tuple().exponent
    if isinstance(places, int) and places < -30:
        price = price.quantize(_PLACES, context=Context(prec=100, rounding=ROUND_HALF_EVEN))
    return price
