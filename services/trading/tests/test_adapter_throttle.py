"""The rate limiter: the engine's limits, at a cost that does not grow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from trading.adapters.throttle import Pool, install


@dataclass
class Limit:
    limit_id: str
    limit: int
    time_interval: float
    weight: int = 1


@dataclass
class Throttler:
    limits: dict[str, tuple[Limit | None, list[tuple[Limit, int]]]]
    _safety_margin_pct: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)

    def get_related_limits(self, limit_id: str) -> tuple[Limit | None, list[tuple[Limit, int]]]:
        return self.limits.get(limit_id, (None, []))


install(Throttler)


async def taken(throttler: Any, limit_id: str, times: int) -> float:
    started = time.monotonic()
    for _ in range(times):
        async with throttler.execute_task(limit_id):
            pass
    return time.monotonic() - started


async def test_waits_for_the_interval_when_the_limit_is_used_up() -> None:
    throttler = Throttler({"order": (Limit("order", 3, 0.2), [])})
    assert await taken(throttler, "order", 3) < 0.1
    assert 0.15 < await taken(throttler, "order", 1) < 0.4


async def test_a_request_draws_from_every_pool() -> None:
    shared = Limit("weight", 10, 0.2)
    throttler = Throttler({"light": (Limit("light", 100, 1), [(shared, 1)]), "heavy": (Limit("heavy", 100, 1), [(shared, 8)])})
    assert await taken(throttler, "heavy", 1) < 0.1
    assert await taken(throttler, "light", 2) < 0.1
    assert await taken(throttler, "light", 1) > 0.1


async def test_many_at_once_keep_the_limit() -> None:
    throttler = Throttler({"order": (Limit("order", 5, 0.2), [])})
    sent: list[float] = []

    async def one() -> None:
        await taken(throttler, "order", 1)
        sent.append(time.monotonic())

    await asyncio.gather(*(one() for _ in range(15)))
    for first in sent:
        assert sum(first <= moment < first + 0.19 for moment in sent) <= 5


async def test_an_unknown_limit_is_none() -> None:
    assert await taken(Throttler({}), "anything", 100) < 0.1


async def test_a_request_heavier_than_its_limit_still_goes() -> None:
    throttler = Throttler({"huge": (Limit("huge", 5, 0.1, weight=50), [])})
    assert await taken(throttler, "huge", 1) < 0.05


@pytest.mark.parametrize("before", [0, 50_000])
def test_cost_does_not_grow(before: int) -> None:
    pool, limit = Pool(), Limit("day", 10**9, 86400)
    for number in range(before):
        pool.take(limit, 1, float(number))
    started = time.perf_counter()
    for number in range(1000):
        assert pool.wait(limit, 1, 0.05, before + number * 0.001) == 0
        pool.take(limit, 1, before + number * 0.001)
    assert time.perf_counter() - started < 0.1
    assert len(pool.slots) <= 1002
