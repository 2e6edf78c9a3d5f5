"""The exchange's clock: milliseconds since 1970, never going back, not even when the machine's clock does."""

from __future__ import annotations

import time


class Clock:
    """Wall-clock time that never decreases. `not_before` keeps it ahead of everything already journalled."""

    def __init__(self) -> None:
        self._last = 0

    def not_before(self, at: int) -> None:
        self._last = max(self._last, at)

    def now(self) -> int:
        """The time in ms."""
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last
