"""One question to an exchange for many who ask it at the same time; they share its answer, and its failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Flights[T]:
    """Calls under way, by key. A caller that gives up does not end the call for the others."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    async def join(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of the call under way for `key`, or of `ask`, which then is that call."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(ask))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: str, task: asyncio.Task[T]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, even when no caller is left to see it


async def _run[T](ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
