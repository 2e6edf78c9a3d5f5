"""Fixtures of the kit's tests. Modules beside this one are importable by name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from eventlog.log import EventLog

sys.path.insert(0, str(Path(__file__).parent))

from killable_nats import KillableNats
from service_kit.bus import Bus
from service_kit.service import Service
from service_kit.settings import ServiceSettings

type MakeService = Callable[..., Service]


@pytest.fixture
async def make_service(nats_url: str) -> AsyncIterator[MakeService]:
    """Makes services on the test's NATS server; those that were started are stopped at the end."""
    made: list[Service] = []

    def make(name: str, *, log: EventLog | None = None, url: str = nats_url, replica: str = "r1") -> Service:
        service = Service(name, ServiceSettings(nats_url=url, replica=replica), log=log)
        made.append(service)
        return service

    yield make
    await asyncio.gather(*(service.stop() for service in made))


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    """A connected bus of a client."""
    bus = Bus("gateway-api", nats_url)
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    """The running log of the context `accounts` in an empty database."""
    log = EventLog(database_url, context="accounts")
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def killable_nats(tmp_path: Path) -> AsyncIterator[KillableNats]:
    """A NATS server of this test's own, for killing and wiping."""
    server = KillableNats(tmp_path / "jetstream")
    await server.start()
    yield server
    server.kill()
