"""The simulated price and volume of a pair, second by second, as a function of the seed and the time alone.

Any day can be computed without the days before it. A pair's log price at the start of each day is a mean-reverting walk
from 2025 on; within a day it is a Brownian bridge between two such points. Each second has one trade of the crowd, so a
bar of any length is an exact aggregate of seconds, and the live market continues where history ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox_exchange.domain.market.pairs import Pair

DAY = 86_400
FIRST_DAY = 20_089
"""2025-01-01 in days since 1970: the walk starts there at the pair's reference price, and no bar is older."""
REVERSION = 0.985
MEAN_NOTIONAL = 2_500.0
"""Quote value of an average second of the crowd's trading."""

SHARE_OF_DAY = np.arange(1, DAY + 1) / DAY

type Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seconds:
    """Every second of one UTC day: price in ticks, traded lots, and whether the taker bought."""

    ticks: Integers
    lots: Integers
    taker_buys: NDArray[np.bool_]


class PriceProcess(Protocol):
    """A source of a pair's prices."""

    def day(self, number: int) -> Seconds:
        """The seconds of the day `number` days after 1970-01-01 UTC, the same at every call."""
        ...


class RandomProcess:
    """The seeded stochastic process of one pair."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self._pair = pair
        self._key = int.from_bytes(sha256(f"{seed}:{pair.symbol}".encode()).digest()[:16])
        self._walk: list[float] = [0.0]
        self._shocks = self._generator(-1)

    def day(self, number: int) -> Seconds:
        generator = self._generator(number)
        opening, closing = self._level(number), self._level(number + 1)
        sigma = self._pair.daily_volatility / DAY**0.5
        walk = np.cumsum(generator.standard_normal(DAY)) * sigma
        walk += opening + SHARE_OF_DAY * (closing - opening - walk[-1])
        ticks = np.rint(np.exp(walk) * float(self._pair.reference / self._pair.tick)).astype(np.int64)
        most_lots = round(2 * MEAN_NOTIONAL / float(self._pair.reference * self._pair.step))
        lots = generator.integers(1, most_lots, DAY, endpoint=True)
        taker_buys = np.unpackbits(np.frombuffer(generator.bytes(DAY // 8), np.uint8)).astype(np.bool_)
        return Seconds(np.maximum(ticks, 1), lots, taker_buys)

    def _level(self, number: int) -> float:
        """The log of price over reference at the start of a day."""
        while len(self._walk) <= number - FIRST_DAY:
            shock = float(self._shocks.standard_normal())
            self._walk.append(self._walk[-1] * REVERSION + self._pair.daily_volatility * shock)
        return self._walk[max(number - FIRST_DAY, 0)]

    def _generator(self, counter: int) -> np.random.Generator:
        # The counter's high word separates days: one day draws far fewer than 2^64 numbers.
        return np.random.Generator(np.random.Philox(key=self._key, counter=(counter % 2**64) << 64))


@dataclass(frozen=True, slots=True)
class Candle:
    """A bar of a replayed file: time in seconds since 1970, prices and volume as numbers."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class ReplayProcess:
    """A pair that follows given candles: exactly in their own time, over and over before and after it."""

    def __init__(self, pair: Pair, candles: list[Candle]) -> None:
        if len(candles) < 2:
            raise ValueError(f"A replay of {pair.symbol} needs at least two candles.")
        ordered = sorted(candles, key=lambda candle: candle.time)
        self._start = ordered[0].time
        self._length = min(after.time - before.time for before, after in pairwise(ordered))
        if self._length < 4:
            raise ValueError(f"The candles of {pair.symbol} must be at least four seconds long and of different times.")
        tick, step = float(pair.tick), float(pair.step)
        ordered = _without_gaps(ordered, self._length)
        prices = [(c.open, c.low, c.high, c.close) if c.close >= c.open else (c.open, c.high, c.low, c.close) for c in ordered]
        self._corners: Integers = np.maximum(np.rint(np.array(prices) / tick), 1).astype(np.int64)
        self._lots: Integers = np.rint(np.array([c.volume for c in ordered]) / step).astype(np.int64)

    def day(self, number: int) -> Seconds:
        seconds = np.arange(number * DAY, (number + 1) * DAY) - self._start
        index, offset = np.divmod(seconds % (self._length * len(self._lots)), self._length)
        position = offset * 3 / (self._length - 1)
        leg = np.minimum(position.astype(np.int64), 2)
        start, end = self._corners[index, leg], self._corners[index, leg + 1]
        ticks = np.rint(start + (end - start) * self._within(leg, offset)).astype(np.int64)
        before = self._lots[index] * offset // self._length
        after = self._lots[index] * (offset + 1) // self._length
        return Seconds(ticks, after - before, end >= start)

    def _within(self, leg: Integers, offset: Integers) -> NDArray[np.float64]:
        """How far along its leg each second is; the first second of a leg after the first stands exactly on the corner."""
        corners = np.ceil(np.arange(4) * (self._length - 1) / 3).astype(np.int64)
        result: NDArray[np.float64] = (offset - corners[leg]) / (corners[leg + 1] - corners[leg])
        return np.clip(result, 0.0, 1.0)


def _without_gaps(candles: list[Candle], length: int) -> list[Candle]:
    """Candles every `length` seconds: where one is missing, the last close stands still without volume."""
    result = [candles[0]]
    for candle in candles[1:]:
        while (missing := result[-1].time + length) < candle.time:
            still = result[-1].close
            result.append(Candle(missing, still, still, still, still, 0.0))
        result.append(candle)
    return result
