"""What a service's start is spent on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psutil

from service_kit.metrics import Metrics

SHORTEST_LOOK = 0.02
LONGEST_LOOK = 1.0
"""Seconds between two looks at the readiness."""


class StartClock:
    """Divides the time from the process's start until it is ready into stages, one after the other."""

    def __init__(self, metrics: Metrics) -> None:
        """Shows each stage as soon as it ended."""
        self._seconds = metrics.gauge("start_seconds", "What the start was spent on", "stage")
        self._last = 0.0
        self.stages: dict[str, float] = {}

    def begin(self) -> None:
        """The stage `imports` ended: from the process's start until now, composition included."""
        self._last = time.time() - psutil.Process().create_time()
        self._tell("imports", self._last)
        self._last = time.perf_counter()

    def ended(self, stage: str) -> None:
        """What was done since the last call was `stage`."""
        now = time.perf_counter()
        self._tell(stage, now - self._last)
        self._last = now

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for the readiness checks: the stage `checks`. How long is known to a tenth, to 20 ms at best."""
        waited = 0.0
        while not ready():
            pause = min(LONGEST_LOOK, max(SHORTEST_LOOK, waited / 10))
            await asyncio.sleep(pause)
            waited += pause
        self.ended("checks")

    def _tell(self, stage: str, seconds: float) -> None:
        self.stages[stage] = round(seconds, 3)
        self._seconds.labels(stage).set(seconds)
