"""Background tasks that are started again when they crash, and the one place where any exception is caught.

Everything else names the errors it can handle. What it cannot name ends here, as a Crash: a log record, an answer 500 or a
dead letter.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
HEALTHY_AFTER = 10.0
STOP_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Crash:
    """An error nobody could name."""

    error: Exception

    @property
    def reason(self) -> str:
        """One line for people: the class and the text of the error."""
        return f"{type(self.error).__name__}: {self.error}".rstrip(": ")


async def guarded[T](work: Awaitable[T]) -> T | Crash:
    """The result of `work`, or its Crash. Cancellation passes through."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the boundary the architecture names; callers report the crash
        return Crash(error)


def backoff(attempt: int, *, first: float = FIRST_DELAY, longest: float = LONGEST_DELAY) -> float:
    """Seconds before attempt `attempt` (1, 2, ...): doubling, at most `longest`, with jitter so that replicas spread out."""
    delay: float = min(longest, first * 2 ** min(attempt - 1, 16))
    return delay * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing


class _Supervised:
    """One task with the count of its crashes."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]], crashed: Callable[[str], None] | None) -> None:
        self.name = name
        self._run = run
        self._crashed = crashed
        self._reason: str | None = None
        self._started = time.monotonic()
        self.task = asyncio.create_task(self._keep_running(), name=name)

    async def _keep_running(self) -> None:
        attempt = 0
        while True:
            self._started = time.monotonic()
            result = await guarded(self._run())
            if not isinstance(result, Crash):
                self._reason = None
                return
            attempt = 1 if time.monotonic() - self._started > HEALTHY_AFTER else attempt + 1
            self._reason = result.reason
            logger.error("task %s crashed", self.name, exc_info=result.error, extra={"task": self.name, "attempt": attempt})
            if self._crashed is not None:
                self._crashed(self.name)
            await asyncio.sleep(backoff(attempt))

    @property
    def failure(self) -> str | None:
        """Why the task is not healthy, or None once it ran for a while since its last crash."""
        if self._reason is None or time.monotonic() - self._started > HEALTHY_AFTER:
            return None
        return self._reason


class Supervisor:
    """Runs named background tasks; a crash is logged once with its traceback and the task starts again with backoff."""

    def __init__(self, crashed: Callable[[str], None] | None = None) -> None:
        """`crashed` is told the name of a task at each of its crashes."""
        self._crashed = crashed
        self._tasks: dict[str, _Supervised] = {}

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run `run` until it returns. ValueError when a task of this name is running."""
        running = self._tasks.get(name)
        if running is not None and not running.task.done():
            msg = f"task {name} is running"
            raise ValueError(msg)
        self._tasks[name] = _Supervised(name, run, self._crashed)

    async def stop(self, name: str | None = None) -> None:
        """Cancel one task, or all, and wait for them (at most STOP_TIMEOUT seconds). Unknown names are fine."""
        names = list(self._tasks) if name is None else [name]
        tasks = [self._tasks.pop(each).task for each in names if each in self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
            for task in stuck:
                logger.error("task %s does not stop", task.get_name())

    def failures(self) -> dict[str, str]:
        """The tasks that keep failing, with the last reason."""
        return {name: each.failure for name, each in self._tasks.items() if each.failure is not None}
