"""The engine's rate limiter with the same limits and a cost that does not grow, and a word on how long an order would wait.

The engine keeps one record for each request and pool until the pool's interval ends (a day for orders), and reads them all for
every request: 20 ms of the event loop per request after 5,000. Here a pool is a running sum over a thousand slots.

Placing an order leaves a tenth of every limit free, so that cancels, which draw from the same pools, always find room.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

SLOTS = 1000
SHORTEST_WAIT = 0.005
RESERVE = 10
"""Placing leaves one of so many places of a limit to everything else; limits smaller than that have no reserve."""

ORDER_LIMITS: Mapping[str, str] = {"binance": "/order", "binance_perpetual": "POSTv1/order"}
"""The limit that placing an order draws from, by connector; of others it is not known how long an order would wait."""

_placing: ContextVar[bool] = ContextVar("trading_throttle_placing", default=False)


@contextmanager
def placing() -> Iterator[None]:
    """The requests of this task inside place orders: they leave the reserve free."""
    token = _placing.set(True)
    try:
        yield
    finally:
        _placing.reset(token)


@dataclass(slots=True)
class Pool:
    """What was used of one limit within its interval, in slots of a thousandth of it, and what waits for room in it."""

    used: int = 0
    waiting: int = 0
    slots: deque[tuple[float, int]] = field(default_factory=deque)

    def wait(self, limit: Any, weight: int, margin: float, now: float, reserved: int = 0) -> float:
        """Seconds until `weight` may fit beside what is reserved; 0 when it does now."""
        span = float(limit.time_interval) * (1 + margin)
        while self.slots and self.slots[0][0] + span <= now:
            self.used -= self.slots.popleft()[1]
        lacking = self.used + weight - (int(limit.limit) - reserved)
        # A single request heavier than the whole limit goes when the pool is empty, rather than never.
        if lacking <= 0 or not self.slots:
            return 0.0
        ends = now
        for ends, taken in self.slots:  # noqa: B007 - the last one looked at counts
            lacking -= taken
            if lacking <= 0:
                break
        return max(ends + span - now, SHORTEST_WAIT)

    def wait_in_line(self, limit: Any, weight: int, ahead: int, margin: float, now: float) -> float:
        """Seconds until an order of this weight may fit behind `ahead` like it and behind those that wait already."""
        reserved = _reserved(limit)
        wanted = self.waiting + (ahead + 1) * weight
        most = max(int(limit.limit) - reserved, weight)
        intervals = (wanted - 1) // most
        # What exceeds one interval's room waits for those in front of it to leave theirs.
        rest = self.wait(limit, wanted - intervals * most, margin, now, reserved)
        return rest + intervals * float(limit.time_interval) * (1 + margin)

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
        self._drawn = [(pools.setdefault(limit.limit_id, Pool()), limit, weight) for limit, weight in limits]
        self._margin = margin
        self._placing = _placing.get()

    async def __aenter__(self) -> None:
        if not (wait := self._wait()):
            return
        self._line_up(1)
        try:
            while wait:
                await asyncio.sleep(wait)
                wait = self._wait()
        finally:
            self._line_up(-1)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: what was used stays used until its interval ends."""

    def _wait(self) -> float:
        now = time.monotonic()
        longest = 0.0
        for pool, limit, weight in self._drawn:
            reserved = _reserved(limit) if self._placing else 0
            longest = max(longest, pool.wait(limit, weight, self._margin, now, reserved))
        if longest == 0:
            for pool, limit, weight in self._drawn:
                pool.take(limit, weight, now)
        return longest

    def _line_up(self, sign: int) -> None:
        for pool, _, weight in self._drawn:
            pool.waiting += sign * weight


def order_wait(throttler: Any, limit_id: str, ahead: int) -> float:
    """Seconds until an order that is placed now could be sent, with `ahead` others that will be sent before it."""
    now, margin = time.monotonic(), throttler._safety_margin_pct
    pools = _pools(throttler)
    waits = (
        pools.get(limit.limit_id, Pool()).wait_in_line(limit, weight, ahead, margin, now)
        for limit, weight in _limits(throttler, limit_id)
    )
    return max(waits, default=0.0)


def install(throttler_class: Any) -> None:
    """Let the engine's throttlers hand out turns of this kind."""

    def execute_task(self: Any, limit_id: str) -> Turn:
        return Turn(_pools(self), _limits(self, limit_id), self._safety_margin_pct)

    throttler_class.execute_task = execute_task


def _pools(throttler: Any) -> dict[str, Pool]:
    pools: dict[str, Pool] = throttler.__dict__.setdefault("_pools", {})
    return pools


def _limits(throttler: Any, limit_id: str) -> list[tuple[Any, int]]:
    limit, related = throttler.get_related_limits(limit_id=limit_id)
    own = [] if limit is None else [(limit, limit.weight)]
    return own + list(related)


def _reserved(limit: Any) -> int:
    return int(limit.limit) // RESERVE
