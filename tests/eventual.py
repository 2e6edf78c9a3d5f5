"""Waiting for a condition that is asked for with await."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE = 90.0


async def eventual[T](ask: Callable[[], Awaitable[T]], what: str, timeout: float = DEADLINE) -> T:
    """The first true answer, asked again until the deadline; fails naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        answer = await ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        await asyncio.sleep(0.2)
