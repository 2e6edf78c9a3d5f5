"""Foreign views: exactly once, in order, whatever happens to the stream."""

from __future__ import annotations

import asyncio

import pytest
from accounts_log import STREAM, NamesView, applied, create_accounts
from contracts import naming
from eventlog.log import EventLog
from eventually import eventually
from service_kit.bus import Bus
from service_kit.projections import Projection
from service_kit.relay import Relay
from service_kit.supervisor import Supervisor

NAMES = [f"a{n}" for n in range(40)]


@pytest.fixture
async def supervisor():
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop()


@pytest.fixture
async def reader(database_url):
    log = EventLog(database_url, context="trading", tables=[NamesView.metadata])
    await log.start()
    yield log
    await log.stop()


def projection(bus: Bus, reader: EventLog, replica: str = "r1") -> Projection:
    return Projection(bus, reader, NamesView(), service="trading", replica=replica)


async def holds(reader: EventLog, names: list[str]) -> bool:
    return await applied(reader) == names


async def test_it_follows_the_stream(log, reader, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    view = projection(bus, reader)
    supervisor.start("view", view.run)
    await create_accounts(log, *NAMES)
    await eventually(lambda: holds(reader, NAMES))
    assert view.trouble is None
    started = asyncio.get_running_loop().time()
    await create_accounts(log, "soon")
    await eventually(lambda: holds(reader, [*NAMES, "soon"]))
    assert asyncio.get_running_loop().time() - started < 1


async def test_a_restart_goes_on_where_it_stopped(log, reader, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await create_accounts(log, *NAMES[:10])
    for end in (10, 20):
        supervisor.start("view", projection(bus, reader).run)
        await eventually(lambda end=end: holds(reader, NAMES[:end]))
        await supervisor.stop("view")
        await create_accounts(log, *NAMES[end : end + 10])
    assert await applied(reader) == NAMES[:20]


async def test_a_wiped_stream_is_not_applied_again(log, reader, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("view", projection(bus, reader).run)
    await create_accounts(log, *NAMES[:10])
    await eventually(lambda: holds(reader, NAMES[:10]))
    await bus.jetstream.delete_stream(STREAM)
    await create_accounts(log, *NAMES[10:20])
    await eventually(lambda: holds(reader, NAMES[:20]))
    await create_accounts(log, *NAMES[20:30])
    await eventually(lambda: holds(reader, NAMES[:30]))


async def test_a_vanished_consumer_is_made_anew(log, reader, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("view", projection(bus, reader).run)
    await create_accounts(log, *NAMES[:3])
    await eventually(lambda: holds(reader, NAMES[:3]))
    await bus.jetstream.delete_consumer(STREAM, f"{naming.durable('trading', 'names')}-r1")
    await create_accounts(log, *NAMES[3:6])
    await eventually(lambda: holds(reader, NAMES[:6]))


async def test_replicas_apply_each_event_once(log, reader, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    for replica in ("r1", "r2", "r3"):
        supervisor.start(replica, projection(bus, reader, replica).run)
    await create_accounts(log, *NAMES)
    await eventually(lambda: holds(reader, NAMES))
    await asyncio.sleep(0.2)
    assert await applied(reader) == NAMES


@pytest.mark.parametrize("wiped", [False, True])
async def test_it_survives_kill_9_of_the_server(log, reader, killable_nats, supervisor, wiped):
    bus = Bus("trading", killable_nats.url)
    await bus.start()
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("view", projection(bus, reader).run)
    await create_accounts(log, *NAMES[:10])
    await eventually(lambda: holds(reader, NAMES[:10]))
    killable_nats.kill()
    if wiped:
        killable_nats.wipe()
    await create_accounts(log, *NAMES[10:])
    await killable_nats.start()
    await eventually(lambda: holds(reader, NAMES))
    await supervisor.stop()
    await bus.stop()


async def test_an_event_that_cannot_be_projected_is_not_skipped(log, reader, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("view", projection(bus, reader).run)
    await create_accounts(log, "good", "poison", "later")
    await eventually(lambda: "view" in supervisor.failures())
    assert supervisor.failures()["view"] == "ZeroDivisionError"
    assert await applied(reader) in ([], ["good"])
