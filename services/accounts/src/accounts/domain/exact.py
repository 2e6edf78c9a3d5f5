"""Decimal arithmetic without rounding: the default context would round sums of balances at 28 digits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal

EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
"""More digits than any product of two amounts of the contract has."""

ZERO = Decimal(0)
HUNDRED = Decimal(100)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def rounded(amount: Decimal, places: int) -> Decimal:
    """`amount` rounded half even to decimal places."""
    return EXACT.quantize(amount, Decimal(1).scaleb(-places))


def percentage(part: Decimal, whole: Decimal) -> Decimal:
    """`part` of `whole` in percent, not rounded; 0 when there is no whole."""
    return EXACT.divide(EXACT.multiply(part, HUNDRED), whole) if whole else ZERO
