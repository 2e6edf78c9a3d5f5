"""What is told on core NATS to whoever listens just then, and lost otherwise."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from service_kit.bus import NATS_AWAY, Bus


async def tell(bus: Bus, subject: str, data: bytes) -> None:
    """Publish what is only good now: not sent while the server is away, so that nothing old comes later and looks new."""
    if bus.connected:
        with contextlib.suppress(*NATS_AWAY):
            await bus.client.publish(subject, data)


async def listen(bus: Bus, subject: str, heard: Callable[[bytes], None]) -> Callable[[], Awaitable[None]]:
    """Call back with what is told at a subject, in its order, until the result is called. Raises NATS_AWAY once closed."""

    async def told(message: Msg) -> None:
        heard(message.data)

    subscription = await bus.client.subscribe(subject, cb=told)

    async def end() -> None:
        # Without a server it has forgotten the subscription by itself.
        with contextlib.suppress(*NATS_AWAY):
            await subscription.unsubscribe()

    return end
