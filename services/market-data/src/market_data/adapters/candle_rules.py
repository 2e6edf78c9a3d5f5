"""What a candle from a file must be like before the store takes it for history."""

from __future__ import annotations

import math
from collections.abc import Sequence

from contracts.market_data import SECONDS

MONTH = "1M"
SHORTEST_MONTH = 28 * 86400

type Broken = tuple[str, str]
"""The column and the rule it breaks."""


def shortest(interval: str) -> int:
    """Seconds between the opens of two candles at least."""
    return SHORTEST_MONTH if interval == MONTH else SECONDS[interval]


def broken(columns: Sequence[str], row: Sequence[float], interval: str, closed_before: int) -> Broken | None:
    """The first rule a candle breaks by itself; its time, four prices and volume are required, NaN elsewhere is unknown."""
    opened, first, high, low, last, volume = row[:6]
    unit = min(SECONDS[interval], 3600)
    if opened != int(opened) or opened < 0 or opened % unit:
        return columns[0], f"must be a multiple of {unit} seconds"
    if opened >= closed_before:
        return columns[0], "must be of a candle that has closed"
    for column, price in zip(columns[1:5], (first, high, low, last), strict=True):
        if not price > 0:
            return column, "must be above 0"
    if high < max(first, low, last):
        return columns[2], "must not be below open, low or close"
    if low > min(first, last):
        return columns[3], "must not be above open or close"
    if math.isnan(volume):
        return columns[5], "is required"
    for column, amount in zip(columns[5:], row[5:], strict=True):
        if amount < 0:
            return column, "must not be below 0"
    return None


def misplaced(column: str, opened: int, before: int | None, interval: str) -> Broken | None:
    """The rule a candle breaks by what came before it."""
    if before is None or opened >= before + shortest(interval):
        return None
    if opened == before:
        return column, "is the same as in the row before: a duplicate"
    if opened < before:
        return column, "is before the row before: rows must be in the order of time, each time once"
    return column, f"is less than {shortest(interval)} seconds after the row before"


def gap(opened: int, before: int | None, interval: str) -> tuple[int, int] | None:
    """The time without candles between two rows."""
    if before is None or opened <= before + SECONDS[interval]:
        return None
    return before + shortest(interval), opened
