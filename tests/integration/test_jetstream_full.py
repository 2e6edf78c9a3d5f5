"""JetStream's disk is full: writers go on, the lag shows, and the relay catches up when there is room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from contracts import naming
from contracts.accounts import AccountCreated
from contracts.message import Metadata
from eventlog.log import EventLog
from hummingbus.embedded import NatsServer, running_nats
from hummingbus.embedded.ports import free_port
from hummingbus.home import Home
from hummingbus.stack.child import Child
from service_kit.bus import NATS_AWAY, Bus
from service_kit.relay import ensure_event_stream
from service_kit.service import Service
from service_kit.settings import ServiceSettings

from tests.small_disk import SmallDisk, mounted

pytestmark = pytest.mark.timeout(300)
DEADLINE = 120.0


@contextlib.asynccontextmanager
async def served(disk: SmallDisk, database_url: str) -> AsyncIterator[tuple[Service, Child]]:
    """A service on a NATS server that is supervised and keeps its streams on the small disk."""
    home = Home(disk.path / "home")
    home.open()
    server = NatsServer(home.nats, free_port())
    child = Child(server.program(), home, lambda: None)
    child.start()
    log = EventLog(database_url, context="accounts")
    service = Service("accounts", ServiceSettings(nats_url=f"nats://127.0.0.1:{server.port}"), log=log)
    await service.start()
    try:
        yield service, child
    finally:
        await service.stop()
        await child.stop()


async def append(service: Service, number: int) -> None:
    assert service.log is not None
    account = f"account{number}"
    await service.log.append(naming.stream_id("accounts", "account", account), 0, [AccountCreated(account=account)], Metadata())


async def published(service: Service) -> int:
    """The messages on the stream; -1 while nobody can tell."""
    try:
        info = await service.bus.jetstream.stream_info(naming.event_stream("accounts"))
    except NATS_AWAY:
        return -1
    return int(info.state.messages)


async def holds(service: Service, count: int) -> bool:
    return await published(service) == count


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.1)


async def test_the_relay_catches_up_when_there_is_room_again(database_url: str) -> None:
    with mounted() as disk:
        async with served(disk, database_url) as (service, child):
            await append(service, 0)
            disk.fill()
            number = 0
            while child.report.reason != "JetStream's disk is full":  # a written page has room for a few more
                number += 1
                await append(service, number)
            count = number + 1
            assert await published(service) < count
            assert b"hummingbus_relay_lag_events" in await service.metrics.text()
            disk.free()
            await until(lambda: holds(service, count))
            assert child.report.restarts == 1
            await append(service, count)
            await until(lambda: holds(service, count + 1))


async def test_a_server_started_on_a_full_disk_takes_what_there_is_room_for_later() -> None:
    with mounted() as disk:
        with running_nats(disk.path) as url:
            await ensure_stream(url)
        disk.fill()
        with running_nats(disk.path) as url:
            disk.free()
            await ensure_stream(url)


async def ensure_stream(url: str) -> None:
    """Make a stream, or find the one there is, and store a message on it."""
    bus = Bus("accounts", url)
    await bus.start()
    await ensure_event_stream(bus.jetstream, "accounts")
    await bus.jetstream.publish(naming.event_stream_subjects("accounts").replace(">", "account.a.Test"), b"{}", timeout=30)
    await bus.stop()
