"""Nudges between the replicas of a service: one stored something that another acts upon, which then looks at once.

They are plain messages on core NATS and say nothing else. Who misses one looks by itself a little later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from service_kit.bus import NATS_AWAY, Bus

logger = logging.getLogger(__name__)


class Nudges:
    """One subject on which the replicas nudge each other, this one among them."""

    def __init__(self, bus: Bus, subject: str) -> None:
        """No I/O."""
        self._bus = bus
        self._subject = subject
        self._subscription: Subscription | None = None

    async def start(self, look: Callable[[], None]) -> None:
        """Call `look`, which must not wait, for each nudge, also on connections made anew."""

        async def nudged(_message: Msg) -> None:
            look()

        self._subscription = await self._bus.client.subscribe(self._subject, cb=nudged)

    async def stop(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            await self._bus.drain(self._subscription)
            self._subscription = None

    async def send(self) -> None:
        """Nudge all replicas. Without a server nobody is: what is buffered for its return would come too late to matter."""
        if not self._bus.connected:
            return
        try:
            await self._bus.client.publish(self._subject, b"")
        except NATS_AWAY as error:
            logger.info("nobody nudged at %s: %s", self._subject, type(error).__name__)
