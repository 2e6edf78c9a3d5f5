"""What is to be sent to one WebSocket. It holds no data of subscriptions: only which of them have something new.

A reader that is slow is asked for nothing and costs nothing: when it takes the next frame, the subscription gives its state of
that moment. Replies go first, so the acknowledgement of a subscription is before its data.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable

MOST_REPLIES = 16
"""Replies that wait to be sent before no more of the client's frames are read."""


class Outbox:
    """Replies in their order, then subscriptions in the order in which they had something new."""

    def __init__(self) -> None:
        self._replies: deque[str] = deque()
        self._ready: dict[Hashable, None] = {}
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def idle(self) -> bool:
        """Whether no reply waits."""
        return not self._replies

    def reply(self, frame: str) -> None:
        """Send this before any data that is taken from now on."""
        self._replies.append(frame)
        self._something.set()
        if len(self._replies) >= MOST_REPLIES:
            self._room.clear()

    def ready(self, subscription: Hashable) -> None:
        """The subscription has something new."""
        self._ready[subscription] = None
        self._something.set()

    def forget(self, subscription: Hashable) -> None:
        """The subscription is over."""
        self._ready.pop(subscription, None)

    async def room(self) -> None:
        """Returns when fewer than MOST_REPLIES wait."""
        await self._room.wait()

    async def next(self) -> tuple[str | None, Hashable]:
        """A reply, or None and the subscription to take a frame from."""
        while not self._replies and not self._ready:
            self._something.clear()
            await self._something.wait()
        if self._replies:
            frame = self._replies.popleft()
            if len(self._replies) < MOST_REPLIES:
                self._room.set()
            return frame, None
        subscription = next(iter(self._ready))
        del self._ready[subscription]
        return None, subscription
