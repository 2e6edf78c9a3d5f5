"""How far a contract trades from its index, and the funding rate that follows from it.

The premium is a sum of two waves whose phases depend on the seed and the symbol, so it is a bounded function of time: mark
price = index * (1 + premium). The funding rate is Binance's ("Introduction to Binance Futures Funding Rates"):

    average premium P = (1 * P_1 + 2 * P_2 + ... + n * P_n) / (1 + 2 + ... + n)     over the interval's samples so far
    funding rate      = P + clamp(0.01 % - P, -0.05 %, 0.05 %), within 0.75 * maintenance margin rate on either side
"""

from __future__ import annotations

import math
from decimal import Decimal
from hashlib import sha256

from sandbox_exchange.domain.perpetual.positions import rounded

SLOW_AMPLITUDE, SLOW_SECONDS = 0.0007, 72_000
FAST_AMPLITUDE, FAST_SECONDS = 0.0003, 5_400
LARGEST = SLOW_AMPLITUDE + FAST_AMPLITUDE
SAMPLES = 480
"""Of an interval of eight hours, so one a minute; a faster interval has as many."""
INTEREST = Decimal("0.0001")
DAMPING = Decimal("0.0005")
CAP_SHARE = Decimal("0.75")


class Premium:
    """The premium of one contract over time; seconds since 1970."""

    def __init__(self, symbol: str, seed: int) -> None:
        draw = sha256(f"premium:{seed}:{symbol}".encode()).digest()
        self._phases = [int.from_bytes(draw[start : start + 4]) / 2**32 for start in (0, 4)]
        self._average = ((-1, -1, -1), 0.0)

    def at(self, second: float) -> float:
        """The premium as a share of the index."""
        slow = SLOW_AMPLITUDE * math.sin(2 * math.pi * (second / SLOW_SECONDS + self._phases[0]))
        return slow + FAST_AMPLITUDE * math.sin(2 * math.pi * (second / FAST_SECONDS + self._phases[1]))

    def average(self, start: int, length: int, second: int) -> float:
        """The weighted average of the samples from `start` to `second` in an interval of `length` seconds."""
        step = length / SAMPLES
        count = max(1, min(SAMPLES, int((second - start) / step)))
        key = (start, length, count)
        if self._average[0] != key:
            total = sum(number * self.at(start + number * step) for number in range(1, count + 1))
            self._average = (key, total / (count * (count + 1) / 2))
        return self._average[1]


def funding_rate(average_premium: float, maintenance_rate: Decimal) -> Decimal:
    """The rate for an average premium, with eight decimals."""
    premium = rounded(Decimal(average_premium))
    rate = premium + min(max(INTEREST - premium, -DAMPING), DAMPING)
    cap = CAP_SHARE * maintenance_rate
    return rounded(min(max(rate, -cap), cap))


def price_at(index: Decimal, premium: float) -> Decimal:
    """A contract's fair price, with eight decimals."""
    return rounded(index * (1 + rounded(Decimal(premium))))
