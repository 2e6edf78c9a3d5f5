"""The market of a round: prices jump and funding is settled, at moments and by amounts drawn from the seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from decimal import Decimal

import httpx

from tests.safety.exchange import Exchange

SYMBOLS = ("BTCUSDT", "ETHUSDT")
PAUSE = (1.0, 3.0)
"""Seconds between two moves."""
FUNDING_PAUSE = (3.0, 8.0)
FURTHEST = 0.004
"""Shares of the price at the start, within which it jumps."""
CENT = Decimal("0.01")


class Market:
    """Moves the exchange's prices and settles funding until it is cancelled; waits for an exchange that is away."""

    def __init__(self, exchange: Exchange, name: str, prices: Mapping[str, float]) -> None:
        self._exchange = exchange
        self._name = name
        self._prices = prices
        self.moves = 0
        self.settlements = 0

    async def move_for_ever(self) -> None:
        """Both symbols, one at a time."""
        chance = random.Random(f"{self._name}/prices")
        while True:
            await asyncio.sleep(chance.uniform(*PAUSE))
            symbol, share = chance.choice(SYMBOLS), Decimal(1 + chance.uniform(-FURTHEST, FURTHEST))
            price = (Decimal(self._prices[symbol]) * share).quantize(CENT)
            with contextlib.suppress(httpx.HTTPError):
                await self._exchange.set_price(symbol, price)
                self.moves += 1

    async def settle_for_ever(self) -> None:
        """Funding of all contracts, at rates of either sign."""
        chance = random.Random(f"{self._name}/funding")
        while True:
            await asyncio.sleep(chance.uniform(*FUNDING_PAUSE))
            rate = Decimal(chance.randint(-300, 300)).scaleb(-6)
            with contextlib.suppress(httpx.HTTPError):
                await self._exchange.settle_funding(rate)
                self.settlements += 1
