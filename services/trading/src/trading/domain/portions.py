"""Dividing an amount into orders that the exchange takes."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

_CONTEXT = Context(prec=60)


def portions(amount: Decimal, most: Decimal | None, step: Decimal) -> list[Decimal]:
    """`amount` in as few parts as may be, none above `most`, each but the last a multiple of `step`; they add up exactly.

    The parts are as even as the step allows, so that none is left too small to be an order.
    """
    if most is None or most <= 0 or amount <= most:
        return [amount]
    count = int(_CONTEXT.divide(amount, most).to_integral_value(ROUND_CEILING))
    even = _CONTEXT.divide(amount, Decimal(count))
    # Rounded up, so that the last part is the smallest; a part of the largest size stays within it.
    part = min(_stepped(even, step, ROUND_CEILING), _stepped(most, step, ROUND_FLOOR)) if step > 0 else even
    parts: list[Decimal] = []
    left = amount
    while left > part > 0:
        parts.append(part)
        left = _CONTEXT.subtract(left, part)
    return [*parts, left]


def _stepped(number: Decimal, step: Decimal, rounding: str) -> Decimal:
    return _CONTEXT.multiply(_CONTEXT.divide(number, step).to_integral_value(rounding), step)
