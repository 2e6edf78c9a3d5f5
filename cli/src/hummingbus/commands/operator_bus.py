"""The bus of the running stack, with the operator's login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service_kit.bus import Bus

from hummingbus.commands import fail, settings_or_fail
from hummingbus.doctor.installation import OPERATOR, Installation

CONNECT_SECONDS = 10.0


@asynccontextmanager
async def operator_bus() -> AsyncIterator[Bus]:
    """A connected bus, closed at the end. Says why and exits with code 1 when there is none."""
    url = Installation.read(settings_or_fail()).nats_url()
    if url is None:
        fail("Down. Start with: hummingbus up")
    bus = Bus(OPERATOR, url)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await bus.start()
    except TimeoutError:
        fail("The message bus does not answer: see `hummingbus status` and `hummingbus logs nats`")
    try:
        yield bus
    finally:
        await bus.stop()
