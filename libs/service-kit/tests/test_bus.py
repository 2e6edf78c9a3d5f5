"""The connection to a real NATS server, under cancellations."""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg
from service_kit.bus import Bus


async def still_answers(bus: Bus) -> None:
    """A request over this connection is answered."""

    async def echo(message: Msg) -> None:
        await message.respond(message.data)

    subscription = await bus.client.subscribe("echo", cb=echo)
    for _ in range(2):
        assert (await bus.client.request("echo", b"here", 20)).data == b"here"
    await subscription.unsubscribe()


async def test_a_cancelled_flush_leaves_the_connection_working(bus):
    flushing = asyncio.create_task(bus.client.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.wait([flushing])
    assert flushing.cancelled()
    await still_answers(bus)


async def test_a_flush_that_took_too_long_leaves_the_connection_working(bus):
    waited = asyncio.get_running_loop().create_future()
    await bus.client._send_ping(waited)
    waited.cancel()
    await still_answers(bus)


async def test_a_settle_that_was_cancelled_leaves_the_connection_working(bus):
    settling = asyncio.create_task(bus.settle())
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.wait([settling])
    await still_answers(bus)
