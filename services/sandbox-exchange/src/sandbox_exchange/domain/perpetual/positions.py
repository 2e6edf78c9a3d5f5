"""Positions: entry, realised and unrealised profit, exact whatever is traded.

A position keeps what it was entered for, not an average price, which could not always be written down. A part that is closed
takes its share of that, rounded to eight decimals; the rest keeps what is left. So over a position's life the profits add up
to what was earned minus what was paid, to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from enum import StrEnum

from sandbox_exchange.domain.spot.orders import ZERO, Side

ROUNDED = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""For shares, averages and rates, which need a rounding; everything else is exact."""
PLACES = Decimal("1E-8")


def rounded(value: Decimal, unit: Decimal = PLACES) -> Decimal:
    """The nearest multiple of a power of ten."""
    return ROUNDED.quantize(value, unit)


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A quotient, rounded to eight decimals."""
    return rounded(ROUNDED.divide(numerator, denominator))


class PositionSide(StrEnum):
    """Which position an order is for: the only one (one-way mode), or the long or the short one (hedge mode)."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


@dataclass(frozen=True, slots=True)
class Position:
    """`amount` in base, negative when short. `cost` is what it was entered for in quote, never negative."""

    amount: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def entry_price(self) -> Decimal:
        """The average price it was entered at, rounded to eight decimals; zero without a position."""
        return quotient(self.cost, abs(self.amount)) if self.amount else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """The profit of closing it at a price."""
        return self.amount * mark - (self.cost if self.amount >= ZERO else -self.cost)

    def room(self, side: Side) -> Decimal:
        """How much an order of a side can take off it."""
        return max(ZERO, -self.amount if side is Side.BUY else self.amount)

    def after(self, side: Side, quantity: Decimal, price: Decimal) -> tuple[Position, Decimal]:
        """The position after a trade, and the profit the trade realised. A trade beyond the position turns it around."""
        change = quantity if side is Side.BUY else -quantity
        closed = min(quantity, self.room(side))
        if not closed:
            return Position(self.amount + change, self.cost + price * quantity), ZERO
        held = abs(self.amount)
        released = self.cost if closed == held else quotient(ROUNDED.multiply(self.cost, closed), held)
        profit = price * closed - released
        realised = profit if self.amount > ZERO else -profit
        return Position(self.amount + change, self.cost - released + price * (quantity - closed)), realised
