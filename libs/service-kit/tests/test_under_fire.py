"""The way of events from log to consumers while its parts are killed, wiped or frozen."""

from __future__ import annotations

import asyncio

import pytest
from accounts_log import STREAM, NamesView, applied, create_accounts, published_names
from contracts import naming
from eventlog.log import EventLog
from eventually import eventually
from nats.js.api import AckPolicy, ConsumerConfig
from service_kit.projections import Projection
from service_kit.reactions import Reaction
from service_kit.received import Received
from service_kit.relay import Relay
from service_kit.supervisor import Supervisor
from service_kit.telemetry import Tracing

NAMES = [f"a{n}" for n in range(12)]


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


class Dying:
    """A JetStream context whose owner dies at its `deadly`th call, before the server hears it or before its answer is read."""

    def __init__(self, jetstream, deadly: int, *, heard: bool) -> None:
        self._jetstream = jetstream
        self._left = deadly
        self._heard = heard

    def __getattr__(self, name: str):
        call = getattr(self._jetstream, name)

        async def step(*args, **kwargs):
            self._left -= 1
            if self._left == 0:
                if self._heard:
                    await call(*args, **kwargs)
                raise Died
            return await call(*args, **kwargs)

        return step


class Died(Exception):
    """The end of a relay that was killed."""


@pytest.mark.parametrize("heard", [False, True])
async def test_a_relay_killed_at_any_step_neither_loses_nor_doubles(log, bus, supervisor, monkeypatch, heard):
    await create_accounts(log, *NAMES)
    for deadly in range(1, len(NAMES) + 6):
        jetstream = Dying(bus.jetstream, deadly, heard=heard)
        with monkeypatch.context() as patch:
            patch.setattr(Relay, "_jetstream", jetstream)
            dying = asyncio.create_task(Relay(bus, log, "accounts").run())
            if deadly > 1:
                await create_accounts(log, f"b{deadly}")
            await asyncio.wait({dying}, timeout=0.5)
            dying.cancel()
            await asyncio.wait({dying})
        on_stream = await published_names(bus)
        assert len(set(on_stream)) == len(on_stream)
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    everything = [*NAMES, *(f"b{deadly}" for deadly in range(2, len(NAMES) + 6))]

    async def complete() -> bool:
        return await published_names(bus) == everything

    await eventually(complete, seconds=30)


async def test_jetstream_wiped_under_load_doubles_nothing_for_any_consumer(log, reader, bus, supervisor):
    handled: list[str] = []

    async def react(received: Received) -> None:
        handled.append(str(received.metadata.message_id))

    reaction = Reaction(bus, Tracing("trading"), "trading__sessions", "accounts", NamesView.subjects, react)
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("view", Projection(bus, reader, NamesView(), service="trading", replica="r1").run)
    supervisor.start("reaction", reaction.run)
    writing = asyncio.create_task(create_accounts(log, *(f"w{n}" for n in range(200))))
    await eventually(lambda: len(handled) > 20, seconds=30)
    await bus.jetstream.delete_stream(STREAM)
    await writing
    await create_accounts(log, "last")
    names = [*(f"w{n}" for n in range(200)), "last"]

    async def followed() -> bool:
        return await applied(reader) == names and await published_names(bus) == names

    await eventually(followed, seconds=60)
    # A reaction starts over on a stream that was made anew: at least once, and none is left out.
    await eventually(lambda: len(set(handled)) == len(names), seconds=30)


async def test_a_frozen_consumer_blocks_no_writer_and_no_other_consumer(log, reader, bus, supervisor):
    frozen = asyncio.Event()

    async def freeze(_received: Received) -> None:
        frozen.set()
        await asyncio.Event().wait()

    stuck = Reaction(bus, Tracing("trading"), "trading__stuck", "accounts", NamesView.subjects, freeze)
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("view", Projection(bus, reader, NamesView(), service="trading", replica="r1").run)
    supervisor.start("stuck", stuck.run)
    # And one that took messages and will never say a word again.
    await eventually(lambda: stuck.trouble is None, seconds=30)
    config = ConsumerConfig(durable_name="silent", ack_policy=AckPolicy.EXPLICIT, filter_subjects=list(NamesView.subjects))
    await bus.jetstream.add_consumer(STREAM, config)
    await bus.client.publish(naming.pull_subject(STREAM, "silent"), b'{"batch": 1000}', reply=bus.client.new_inbox())
    names = [f"n{n}" for n in range(300)]
    await create_accounts(log, *names)
    await asyncio.wait_for(frozen.wait(), 30)

    async def followed() -> bool:
        return await applied(reader) == names and await published_names(bus) == names

    await eventually(followed, seconds=60)
    info = await bus.jetstream.consumer_info(STREAM, "trading__stuck")
    assert (info.ack_floor.stream_seq, info.num_ack_pending > 0) == (0, True)
