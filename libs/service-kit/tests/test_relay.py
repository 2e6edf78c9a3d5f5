"""The relay against a real NATS server and a real log."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from accounts_log import STREAM, create_accounts, published, published_names
from contracts import naming
from eventlog.log import EventLog
from eventually import eventually
from service_kit.bus import Bus
from service_kit.relay import Relay, StreamForeign
from service_kit.supervisor import Supervisor

NAMES = [f"a{n}" for n in range(30)]


@pytest.fixture
async def supervisor():
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop()


async def has(bus: Bus, names: list[str]) -> bool:
    return await published_names(bus) == names


async def test_events_are_published_with_their_place(log, bus, supervisor):
    relay = Relay(bus, log, "accounts")
    supervisor.start("relay", relay.run)
    await create_accounts(log, "a1")
    await eventually(lambda: has(bus, ["a1"]))
    [message] = await published(bus)
    [recorded] = await log.read("accounts.account-a1")
    assert message.subject == "evt.accounts.account.a1.AccountCreated"
    assert message.headers[naming.HEADER_DEDUPLICATION] == str(recorded.metadata.message_id)
    assert int(message.headers[naming.HEADER_POSITION]) == recorded.position
    assert int(message.headers[naming.HEADER_TRANSACTION]) == recorded.tx
    assert relay.trouble is None


async def test_a_commit_is_published_at_once(log, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await create_accounts(log, "warm")
    await eventually(lambda: has(bus, ["warm"]))
    subscription = await bus.client.subscribe(naming.event_stream_subjects("accounts"))
    await bus.settle()
    await asyncio.sleep(0.5)
    await create_accounts(log, "now")
    await subscription.next_msg(timeout=0.3)


async def test_a_commit_hidden_behind_another_transaction_is_published_once_that_ends(log, bus, supervisor, database_url):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await create_accounts(log, "warm")
    await eventually(lambda: has(bus, ["warm"]))
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("SELECT pg_current_xact_id()")
        await create_accounts(log, "hidden")
        assert await published_names(bus) == ["warm"]
    await eventually(lambda: has(bus, ["warm", "hidden"]))
    await connection.close()


async def test_it_goes_on_where_the_stream_ends(log, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await create_accounts(log, *NAMES[:3])
    await eventually(lambda: has(bus, NAMES[:3]))
    await supervisor.stop()
    await create_accounts(log, *NAMES[3:6])
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await eventually(lambda: has(bus, NAMES[:6]))


async def test_a_wiped_stream_is_filled_again_byte_for_byte(log, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await create_accounts(log, *NAMES[:5])
    await eventually(lambda: has(bus, NAMES[:5]))
    before = [message.data for message in await published(bus)]
    await bus.jetstream.delete_stream(STREAM)
    await create_accounts(log, "after")
    await eventually(lambda: has(bus, [*NAMES[:5], "after"]))
    assert [message.data for message in await published(bus)][:5] == before


async def test_a_purged_stream_is_filled_again_when_the_relay_looks(log, bus, supervisor):
    relay = Relay(bus, log, "accounts")
    supervisor.start("relay", relay.run)
    await create_accounts(log, *NAMES[:5])
    await eventually(lambda: has(bus, NAMES[:5]))
    await bus.jetstream.purge_stream(STREAM)
    relay._look_again()
    await eventually(lambda: has(bus, NAMES[:5]))
    relay._look_again()
    await create_accounts(log, "after")
    await eventually(lambda: has(bus, [*NAMES[:5], "after"]))
    assert relay.trouble is None


async def test_a_stream_without_its_oldest_events_is_reported(log, bus, supervisor):
    relay = Relay(bus, log, "accounts")
    supervisor.start("relay", relay.run)
    await create_accounts(log, *NAMES[:5])
    await eventually(lambda: has(bus, NAMES[:5]))
    await bus.jetstream.purge_stream(STREAM, keep=2)
    relay._look_again()
    await eventually(lambda: "oldest events" in str(relay.trouble))
    await create_accounts(log, "after")
    await eventually(lambda: has(bus, [*NAMES[3:5], "after"]))


async def test_two_relays_neither_double_nor_reorder(log, bus, database_url, nats_url, supervisor):
    other_log, other_bus = EventLog(database_url, context="accounts"), Bus("accounts", nats_url)
    await other_log.start()
    await other_bus.start()
    supervisor.start("one", Relay(bus, log, "accounts").run)
    supervisor.start("two", Relay(other_bus, other_log, "accounts").run)
    await asyncio.gather(
        create_accounts(log, *(f"x{n}" for n in range(150))), create_accounts(other_log, *(f"y{n}" for n in range(150)))
    )
    await eventually(lambda: complete(bus, 300))
    await asyncio.sleep(0.3)
    messages = await published(bus)
    places = [
        (int(message.headers[naming.HEADER_TRANSACTION]), int(message.headers[naming.HEADER_POSITION])) for message in messages
    ]
    assert places == sorted(set(places))
    assert len(places) == 300
    await supervisor.stop()
    await other_bus.stop()
    await other_log.stop()


async def complete(bus: Bus, count: int) -> bool:
    return (await bus.jetstream.stream_info(STREAM)).state.messages >= count


async def test_a_stream_of_another_database_is_left_alone(log, bus, supervisor):
    headers = {naming.HEADER_TRANSACTION: "9", naming.HEADER_POSITION: "9", naming.HEADER_MESSAGE_ID: "other"}
    await bus.jetstream.add_stream(name=STREAM, subjects=[naming.event_stream_subjects("accounts")])
    await bus.jetstream.publish("evt.accounts.account.b.AccountCreated", b'{"account":"b"}', headers=headers)
    relay = Relay(bus, log, "accounts")
    with pytest.raises(StreamForeign):
        await relay.run()
    assert relay.trouble is not None


@pytest.mark.parametrize("wiped", [False, True])
async def test_it_survives_kill_9_of_the_server(log, killable_nats, supervisor, wiped):
    bus = Bus("accounts", killable_nats.url)
    await bus.start()
    relay = Relay(bus, log, "accounts")
    supervisor.start("relay", relay.run)
    writing = asyncio.create_task(create_accounts(log, *NAMES))
    await eventually(lambda: bool(relay._last_sequence))
    killable_nats.kill()
    if wiped:
        killable_nats.wipe()
    await writing
    await killable_nats.start()
    await eventually(lambda: bus.connected)
    await eventually(lambda: has(bus, NAMES))
    await supervisor.stop()
    await bus.stop()


async def test_many_events_are_published_in_batches(log, bus, supervisor):
    await asyncio.gather(*(create_accounts(log, f"b{n}") for n in range(2000)))
    started = asyncio.get_running_loop().time()
    supervisor.start("relay", Relay(bus, log, "accounts").run)

    async def full() -> bool:
        return (await bus.jetstream.stream_info(STREAM)).state.messages == 2000

    await asyncio.sleep(0.1)
    await eventually(full)
    assert asyncio.get_running_loop().time() - started < 5
