"""A CandleSource whose history is known: with gaps, and with failures when it is told to fail."""

from __future__ import annotations

import asyncio
import random
import time

from contracts.rejections import Unavailable
from market_data.adapters.candle import Row, Series, Span, Told

STEP = 60


class Stream:
    """Counts that it was stopped."""

    stopped = False

    async def stop(self) -> None:
        self.stopped = True


class KnownExchange:
    """`missing` are the open times without a candle."""

    def __init__(self, *, page: int = 10, missing: frozenset[int] = frozenset(), seed: int = 0) -> None:
        self.missing = missing
        self.failing = 0.0
        self.asked: list[Span] = []
        self.told: Told | None = None
        self.stream = Stream()
        self._page = page
        self._random = random.Random(seed)

    def truth(self, span: Span) -> list[Row]:
        first = -(-span[0] // STEP) * STEP
        return [candle(opened) for opened in range(first, span[1], STEP) if opened not in self.missing]

    async def connectors(self) -> list[str]:
        return ["known"]

    async def check(self, series: Series) -> None:
        pass

    async def page(self, series: Series) -> int:
        return self._page

    async def fetch(self, series: Series, span: Span) -> list[Row]:
        self.asked.append(span)
        await asyncio.sleep(0)
        if self._random.random() < self.failing:
            raise Unavailable("the exchange failed")
        return self.truth((span[0], min(span[1], int(time.time()) + 1)))[-self._page :]

    async def live(self, series: Series, told: Told) -> Stream:
        self.told = told
        return self.stream


def candle(opened: int, close: float | None = None) -> Row:
    """The candle that opens then; prices follow from the time."""
    price = 100.0 + opened % 997 / 7
    return (float(opened), price, price + 1, price - 1, close or price + 0.5, 1.25, 125.0, 7.0, 0.5, 50.0)
