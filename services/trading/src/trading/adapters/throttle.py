"""The engine's rate limiter with the same limits and a cost that does not grow.

The engine keeps one record for each request and pool until the pool's interval ends (a day for orders), and reads them all for
every request: 20 ms of the event loop per request after 5,000. Here a pool is a running sum over a thousand slots.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

SLOTS = 1000
SHORTEST_WAIT = 0.005


@dataclass(slots=True)
class Pool:
    """What was used of one limit within its interval, in slots of a thousandth of it."""

    used: int = 0
    slots: deque[tuple[float, int]] = field(default_factory=deque)

    def wait(self, limit: Any, weight: int, margin: float, now: float) -> float:
        """Seconds until `weight` may fit; 0 when it does now."""
        span = float(limit.time_interval) * (1 + margin)
        while self.slots and self.slots[0][0] + span <= now:
            self.used -= self.slots.popleft()[1]
        # A single request heavier than the whole limit goes when the pool is empty, rather than never.
        if self.used + weight <= limit.limit or not self.slots:
            return 0.0
        return max(self.slots[0][0] + span - now, SHORTEST_WAIT)

    def take(self, limit: Any, weight: int, now: float) -> None:
        """Count a request; its slot ends late rather than early."""
        length = float(limit.time_interval) / SLOTS
        ends = (now // length + 1) * length
        if self.slots and self.slots[-1][0] == ends:
            weight_before = self.slots.pop()[1]
            self.slots.append((ends, weight_before + weight))
        else:
            self.slots.append((ends, weight))
        self.used += weight


class Turn:
    """Waits on entering until every pool the request draws from has room, then takes it from all at once."""

    def __init__(self, pools: dict[str, Pool], limits: list[tuple[Any, int]], margin: float) -> None:
        self._pools = pools
        self._limits = limits
        self._margin = margin

    async def __aenter__(self) -> None:
        while wait := self._wait():  # noqa: ASYNC110 - time makes room, no event does
            await asyncio.sleep(wait)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: what was used stays used until its interval ends."""

    def _wait(self) -> float:
        now = time.monotonic()
        drawn = [(self._pools.setdefault(limit.limit_id, Pool()), limit, weight) for limit, weight in self._limits]
        longest = max((pool.wait(limit, weight, self._margin, now) for pool, limit, weight in drawn), default=0.0)
        if longest == 0:
            for pool, limit, weight in drawn:
                pool.take(limit, weight, now)
        return longest


def install(throttler_class: Any) -> None:
    """Let the engine's throttlers hand out turns of this kind."""

    def execute_task(self: Any, limit_id: str) -> Turn:
        limit, related = self.get_related_limits(limit_id=limit_id)
        own = [] if limit is None else [(limit, limit.weight)]
        pools: dict[str, Pool] = self.__dict__.setdefault("_pools", {})
        return Turn(pools, own + related, self._safety_margin_pct)

    throttler_class.execute_task = execute_task
