"""The market maker's quotes around a price: close to it at the touch, then on a fixed grid, so that most of them stand."""

from __future__ import annotations

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.spot.commands import Quote

HALF_SPREAD = 0.00005
TOUCH_NOTIONAL = 5_000.0
NEAR_LEVELS, NEAR_NOTIONAL = 19, 40_000.0
FAR_LEVELS, FAR_NOTIONAL = 10, 400_000.0
GRID_FRACTION = 4096
"""The near grid is this part of the price's power of two: one to two and a half basis points."""
FAR_FACTOR = 10
MASK = 2**64 - 1


def ladder(pair: Pair, ticks: int, seed: int) -> Quote:
    """Both sides of the book around a price of `ticks`. The size at a price depends on the seed and that price only."""
    spread = max(1, round(ticks * HALF_SPREAD))
    octave: int = 1 << (ticks.bit_length() - 1)
    lot_value = octave * float(pair.tick) * float(pair.step)
    sides = []
    for touch, direction in ((ticks - spread, -1), (ticks + spread, 1)):
        levels = _side(touch, direction, max(1, octave // GRID_FRACTION))
        sides.append(
            tuple(
                (pair.price(level), pair.quantity(max(1, int(notional * _variation(level, seed) / lot_value))))
                for level, notional in levels
                if level > 0
            )
        )
    return Quote(pair.symbol, sides[0], sides[1])


def _side(touch: int, direction: int, grid: int) -> list[tuple[int, float]]:
    """Levels of one side as (ticks, notional): the touch, then grid prices beyond it, then a wider grid."""
    levels: list[tuple[int, float]] = [(touch, TOUCH_NOTIONAL)]
    for count, step, notional in ((NEAR_LEVELS, grid, NEAR_NOTIONAL), (FAR_LEVELS, grid * FAR_FACTOR, FAR_NOTIONAL)):
        beyond = levels[-1][0] * direction // step + 1
        levels += [(direction * (beyond + index) * step, notional) for index in range(count)]
    return levels


def _variation(level: int, seed: int) -> float:
    """A factor between a half and one and a half, by a hash of the price."""
    mixed = ((level + seed) * 0x9E3779B97F4A7C15) & MASK
    mixed = ((mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9) & MASK
    return 0.5 + (mixed >> 40) / 2**24
