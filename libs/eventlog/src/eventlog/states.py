"""States of streams that this process wrote lately, so that a hot stream is not read again for each command.

A kept state proves nothing by itself: another process may have appended since. Whoever decides on one either appends at its
version, where the database refuses what is stale, or reads the stream before believing the decision (see `execute`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

LIMIT = 20_000
"""Kept states and ids of their commands together; what was used longest ago goes first."""
LONGEST_STREAM = 1_000
"""Commands of a stream whose state is kept: a longer one would be all ids."""


@dataclass(slots=True)
class Known[S]:
    """A stream as it was at a version: its state, its newest snapshot, and the commands that led there.

    `commands` holds the ids since version 0, or since the snapshot when the state was `read_from` there.
    """

    state: S
    version: int
    snapshot_version: int
    read_from: int
    commands: set[UUID]


class Turn:
    """A stream's lock, which is forgotten once nobody holds it or waits for it."""

    __slots__ = ("_lock", "_stream", "_turns", "_users")

    def __init__(self, turns: dict[str, Turn], stream: str) -> None:
        self._lock = asyncio.Lock()
        self._turns = turns
        self._stream = stream
        self._users = 0

    async def __aenter__(self) -> None:
        self._users += 1
        try:
            await self._lock.acquire()
        except asyncio.CancelledError:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            del self._turns[self._stream]


class States:
    """What one log's commands know of its streams. One event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[object, Known[Any]]] = OrderedDict()
        self._weight = 0
        self._turns: dict[str, Turn] = {}

    def take(self, stream: str, decider: object) -> Known[Any] | None:
        """The state that this decider kept of a stream, if any. It is kept no longer: keep it again once it is proven."""
        found = self._kept.pop(stream, None)
        if found is None:
            return None
        owner, known = found
        self._weight -= _weight(known)
        return known if owner is decider else None

    def keep(self, stream: str, decider: object, known: Known[Any]) -> None:
        """Remember a state that the database has just confirmed."""
        self.take(stream, decider)
        if len(known.commands) > LONGEST_STREAM:
            return
        self._kept[stream] = decider, known
        self._weight += _weight(known)
        while self._weight > LIMIT:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._weight -= _weight(oldest)

    def turn(self, stream: str) -> Turn:
        """One command of this process at a time for a stream: side by side, all but one would be decided again."""
        turn = self._turns.get(stream)
        if turn is None:
            turn = self._turns[stream] = Turn(self._turns, stream)
        return turn


def _weight(known: Known[Any]) -> int:
    return 1 + len(known.commands)
