"""Amounts and prices of the REST contract: JSON numbers, or decimal text where every digit counts."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

SMALLEST = Decimal("1e-30")
LARGEST = Decimal("1e29")

_TEXT = r"([0-9]{1,29}(\.[0-9]{0,30})?|[0-9](\.[0-9]{0,17})?[eE](-?[0-9]|-1[0-2]|\+[0-9]|\+?1[0-9]))"
FORMAT = _TEXT
NON_ZERO_FORMAT = rf"(?=[0.]*[1-9]){_TEXT}"
"""Texts of amounts: plain, or scientific as languages print very small and very large numbers."""

_READABLE = re.compile(FORMAT)
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def amount(value: str | Decimal) -> Decimal:
    """`value` as a Decimal of at most 30 decimals, finer parts rounded; ValueError with the rule it breaks."""
    if isinstance(value, str) and not _READABLE.fullmatch(value):
        msg = "decimal text of at most 29 digits before and 30 behind the point"
        raise ValueError(msg)
    number = Decimal(value)
    if not (number.is_finite() and 0 <= number <= LARGEST):
        msg = f"from 0 to {LARGEST}"
        raise ValueError(msg)
    exponent = number.as_tuple().exponent
    return number.quantize(SMALLEST, context=_CONTEXT) if isinstance(exponent, int) and exponent < -30 else number
