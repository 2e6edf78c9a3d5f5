"""Answers of an exchange that are good for a moment, asked for once however many want them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from service_kit.flight import Flights

MOST = 10_000
"""Answers kept."""


class Fresh[T]:
    """By key; an answer is asked for again when it is older than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[str, tuple[float, T]] = {}
        self._flights: Flights[T] = Flights()

    async def of(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer kept, or that of `ask`."""
        found = self._kept.get(key)
        if found is not None and time.monotonic() - found[0] < self._seconds:
            return found[1]
        return await self._flights.join(key, lambda: self._ask(key, ask))

    async def _ask(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        began = time.monotonic()
        answer = await ask()
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = began, answer
        return answer
