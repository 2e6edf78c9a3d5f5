"""What an order book says about an amount or a price: exact sums over its levels.

`levels` are those a taker would meet, best first: asks for a buy, bids for a sale. None means that the book cannot
tell: it is not deep enough, or nothing in it is as good as the price.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum

ZERO = Decimal(0)
DIGITS = Context(prec=16)
"""What is left of a quotient."""

type Level = tuple[Decimal, Decimal]
"""Price, and the amount in base tokens offered at it."""


class Measure(StrEnum):
    """What is asked of a book; the values stand in the contract's paths."""

    PRICE_FOR_VOLUME = "price-for-volume"
    VOLUME_FOR_PRICE = "volume-for-price"
    PRICE_FOR_QUOTE_VOLUME = "price-for-quote-volume"
    QUOTE_VOLUME_FOR_PRICE = "quote-volume-for-price"
    VWAP_FOR_VOLUME = "vwap-for-volume"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a taker would get: the worst and the average price, base and quote amounts."""

    price: Decimal | None = None
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    average: Decimal | None = None
    impact: Decimal | None = None
    """By how many percent the average price is worse than the best one."""
    whole: bool = True
    """Whether the book has all that was asked for."""


def taken_volume(levels: Iterable[Level], volume: Decimal) -> Taken:
    """Take `volume` base tokens."""
    parts, left = [], volume
    for price, amount in levels:
        part = min(amount, left)
        parts.append((price, part))
        left -= part
        if left <= ZERO:
            break
    return _sum(parts, whole=left <= ZERO)


def taken_quote(levels: Iterable[Level], quote_volume: Decimal) -> Taken:
    """Take as much as `quote_volume` quote tokens pay for."""
    parts, left = [], quote_volume
    for price, amount in levels:
        if price * amount >= left:
            parts.append((price, DIGITS.divide(left, price)))
            left = ZERO
            break
        parts.append((price, amount))
        left -= price * amount
    found = _sum(parts, whole=left <= ZERO)
    # The last part was divided: what is paid is known exactly.
    return Taken(found.price, found.volume, quote_volume - left, found.average, found.impact, found.whole)


def taken_to(levels: Iterable[Level], price: Decimal, *, is_buy: bool) -> Taken:
    """Take all that is offered at `price` or better."""
    parts = []
    for offered, amount in levels:
        if offered > price if is_buy else offered < price:
            break
        parts.append((offered, amount))
    return _sum(parts, whole=bool(parts))


def _sum(parts: list[Level], *, whole: bool) -> Taken:
    volume = sum((amount for _, amount in parts), ZERO)
    if not volume:
        return Taken(whole=False)
    quote = sum((price * amount for price, amount in parts), ZERO)
    best = parts[0][0]
    average = DIGITS.divide(quote, volume)
    impact = DIGITS.divide(abs(quote - best * volume) * 100, best * volume)
    return Taken(parts[-1][0], volume, quote, average, impact, whole)
