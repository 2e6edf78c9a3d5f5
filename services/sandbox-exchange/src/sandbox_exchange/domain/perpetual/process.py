"""The prices a contract trades at: its spot pair's, second by second, moved by the premium."""

from __future__ import annotations

import numpy as np

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.market.prices import DAY, PriceProcess, Seconds
from sandbox_exchange.domain.perpetual.contracts import Contract
from sandbox_exchange.domain.perpetual.premium import Premium

STEP = 60
"""The premium moves by far less than a tick in a minute, so within one it is taken as a line."""


class ContractProcess:
    """A contract's seconds from those of its spot pair. The crowd trades the same sizes, in whole lots of the contract."""

    def __init__(self, contract: Contract, spot: Pair, process: PriceProcess, premium: Premium) -> None:
        self._price_factor = float(spot.tick / contract.tick)
        self._size_factor = float(spot.step / contract.step)
        self._process = process
        self._premium = premium

    def day(self, number: int) -> Seconds:
        """The seconds of the day `number` days after 1970-01-01 UTC, the same at every call."""
        seconds, start = self._process.day(number), number * DAY
        known = np.arange(0, DAY + 1, STEP)
        premiums = np.array([self._premium.at(start + second) for second in known.tolist()])
        factor = (1 + np.interp(np.arange(DAY), known, premiums)) * self._price_factor
        ticks = np.maximum(np.rint(seconds.ticks * factor), 1).astype(np.int64)
        lots = np.ceil(seconds.lots * self._size_factor).astype(np.int64)
        return Seconds(ticks, lots, seconds.taker_buys)
