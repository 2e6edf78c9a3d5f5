"""Sending to many a few at a time, so that what else is to be done gets its turn in between.

A change that a thousand sockets want is 90 ms of work; an order that came right after it would wait for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

TURN = 0.001
"""Seconds between two turns: the shortest time that the event loop knows."""

FEW = 6
"""Calls in a turn: half a millisecond of sending."""

PART = 150
"""Of a crowd, one in so many is called in a turn where that is more than FEW."""


class Turns:
    """Calls in the order they were added, a few each millisecond. Needs a running loop."""

    def __init__(self) -> None:
        self._waiting: dict[Callable[[], None], None] = {}
        self._due = False

    def add(self, call: Callable[[], None]) -> None:
        """Call it in one of the next turns: in this one when nobody waits. One that waits already is called once."""
        self._waiting[call] = None
        if not self._due:
            self._turn()

    def drop(self, call: Callable[[], None]) -> None:
        """Do not call it any more."""
        self._waiting.pop(call, None)

    def _turn(self) -> None:
        self._due = bool(self._waiting)
        if not self._due:
            return
        asyncio.get_running_loop().call_later(TURN, self._turn)
        for call in list(islice(self._waiting, max(FEW, len(self._waiting) // PART))):
            del self._waiting[call]
            call()
