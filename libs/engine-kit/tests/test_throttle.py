"""The rate limiter: the engine's limits, at a cost that does not grow."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from engine_kit import throttle
from engine_kit.throttle import SLOTS, Pool, install, order_wait, placing


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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that goes on only when somebody sleeps."""
    made = Clock()
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(throttle, "asyncio", SimpleNamespace(sleep=made.sleep))
    return made


@dataclass
class Clock:
    now: float = 1000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def taken(clock: Clock, throttler: Any, limit_id: str, times: int) -> float:
    """How long that many requests had to wait."""
    started = clock.now
    for _ in range(times):
        async with throttler.execute_task(limit_id):
            pass
    return clock.now - started


async def test_waits_for_the_interval_when_the_limit_is_used_up(clock: Clock) -> None:
    throttler = Throttler({"order": (Limit("order", 3, 10), [])})
    assert await taken(clock, throttler, "order", 3) == 0
    assert await taken(clock, throttler, "order", 1) == pytest.approx(10, rel=0.01)


async def test_a_request_draws_from_every_pool(clock: Clock) -> None:
    shared = Limit("weight", 10, 10)
    throttler = Throttler({"light": (Limit("light", 100, 1), [(shared, 1)]), "heavy": (Limit("heavy", 100, 1), [(shared, 8)])})
    assert await taken(clock, throttler, "heavy", 1) == 0
    assert await taken(clock, throttler, "light", 2) == 0
    assert await taken(clock, throttler, "light", 1) == pytest.approx(10, rel=0.01)


async def test_no_interval_holds_more_than_the_limit(clock: Clock) -> None:
    throttler = Throttler({"order": (Limit("order", 5, 10), [])})
    sent: list[float] = []
    for _ in range(50):
        await taken(clock, throttler, "order", 1)
        sent.append(clock.now)
        clock.now += 0.3
    for first in sent:
        assert sum(first <= moment < first + 10 for moment in sent) <= 5


async def placed(throttler: Any, times: int) -> None:
    with placing():
        for _ in range(times):
            async with throttler.execute_task("order"):
                pass


async def test_placing_leaves_a_tenth_to_cancels(clock: Clock) -> None:
    throttler = Throttler({"order": (Limit("order", 100, 10), [])})
    started = clock.now
    await placed(throttler, 90)
    assert clock.now == started
    assert await taken(clock, throttler, "order", 10) == 0
    await placed(throttler, 1)
    assert clock.now - started == pytest.approx(10, rel=0.01)


async def test_cancels_go_first_when_all_is_used_up(clock: Clock) -> None:
    throttler = Throttler({"order": (Limit("order", 20, 10), [])})
    await placed(throttler, 18)
    clock.now += 1
    assert await taken(clock, throttler, "order", 2) == 0
    clock.now += 9.1  # the orders have left the interval, the cancels have not
    assert await taken(clock, throttler, "order", 18) == 0
    assert order_wait(throttler, "order", 0) > 9


async def test_tells_how_long_an_order_would_wait(clock: Clock) -> None:
    throttler = Throttler({"order": (Limit("order", 50, 10), [])})
    assert order_wait(throttler, "order", ahead=44) == 0
    assert order_wait(throttler, "order", ahead=45) == 10
    assert order_wait(throttler, "order", ahead=90) == 20
    await placed(throttler, 40)
    clock.now += 4
    assert order_wait(throttler, "order", ahead=4) == 0
    assert order_wait(throttler, "order", ahead=5) == pytest.approx(6, abs=0.02)
    assert order_wait(throttler, "order", ahead=45) == pytest.approx(10, abs=0.02)
    assert order_wait(throttler, "order", ahead=50) == pytest.approx(16, abs=0.02)
    await placed(throttler, 5)
    assert order_wait(throttler, "order", ahead=0) == pytest.approx(6, abs=0.02)
    assert order_wait(throttler, "order", ahead=40) == pytest.approx(10, abs=0.02)
    clock.now += 6.1
    assert order_wait(throttler, "order", ahead=0) == 0


async def test_an_order_stands_behind_those_that_wait_already() -> None:
    throttler = Throttler({"order": (Limit("order", 10, 60), [])})
    await placed(throttler, 9)
    pool = throttler.__dict__["_pools"]["order"]
    pool.slots = deque((ends - 59.0 + number * 2, taken) for number, (ends, taken) in enumerate([(pool.slots[0][0], 1)] * 9))
    before = order_wait(throttler, "order", ahead=0)
    waiting = asyncio.create_task(placed(throttler, 1))
    await asyncio.sleep(0)
    assert order_wait(throttler, "order", ahead=0) == pytest.approx(before + 2, abs=0.5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.waiting == 0


async def test_the_scarcest_pool_decides(clock: Clock) -> None:
    throttler = Throttler({"order": (Limit("order", 1000, 60), [(Limit("orders", 20, 10), 1), (Limit("weight", 100, 60), 4)])})
    assert order_wait(throttler, "order", ahead=17) == 0
    assert order_wait(throttler, "order", ahead=18) == 10
    assert order_wait(throttler, "order", ahead=22) == 60
    assert order_wait(Throttler({}), "order", ahead=1000) == 0


async def test_an_unknown_limit_is_none(clock: Clock) -> None:
    assert await taken(clock, Throttler({}), "anything", 100) == 0


async def test_a_request_heavier_than_its_limit_still_goes(clock: Clock) -> None:
    throttler = Throttler({"huge": (Limit("huge", 5, 10, weight=50), [])})
    assert await taken(clock, throttler, "huge", 1) == 0


def test_what_is_kept_does_not_grow_with_what_was_asked() -> None:
    pool, limit = Pool(), Limit("day", 10**9, 86400)
    for number in range(50_000):
        assert pool.wait(limit, 1, 0.05, float(number)) == 0
        pool.take(limit, 1, float(number))
    assert len(pool.slots) <= SLOTS + 2
    assert pool.used == 50_000
