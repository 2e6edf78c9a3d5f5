"""Injects the exchange's faults while a round goes on, and counts what they did."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from tests.safety.exchange import Exchange
from tests.safety.faults import drawn

PAUSE = (0.3, 1.2)
"""Seconds between two faults."""


class Adversary:
    """`injected` and `fired` count by kind, `struck` the injected faults by where they strike."""

    def __init__(self, exchange: Exchange, seed: int, api_keys: Sequence[str]) -> None:
        self._exchange = exchange
        self._seed = seed
        self._faults = drawn(seed, api_keys)
        self.injected: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()

    async def inject_for_ever(self) -> None:
        """One fault after another."""
        chance = random.Random(f"{self._seed}/pauses")
        for fault in self._faults:
            await self._inject(fault)
            await asyncio.sleep(chance.uniform(*PAUSE))

    async def count(self) -> None:
        """Add what fired since the exchange started, right before it is killed: a new one has forgotten its faults."""
        with contextlib.suppress(httpx.HTTPError):
            self.fired += await self._exchange.fired()

    async def stop(self) -> None:
        """End all faults, once the exchange is there to be told."""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                self.fired += await self._exchange.fired()
                await self._exchange.clear()
                return
            await asyncio.sleep(0.3)

    async def _inject(self, fault: dict[str, Any]) -> None:
        while True:
            # An exchange that was just killed takes the fault when it is back.
            with contextlib.suppress(httpx.HTTPError):
                await self._exchange.inject(fault)
                self.injected[fault["kind"]] += 1
                self.struck[fault.get("endpoint", "all")] += 1
                return
            await asyncio.sleep(0.3)
