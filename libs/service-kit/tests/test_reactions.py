"""Reactions: retries, dead letters, and what does not count as a failure."""

from __future__ import annotations

import pytest
from accounts_log import STREAM, create_accounts
from contracts import naming
from contracts.rejections import Unavailable
from eventually import eventually
from service_kit.reactions import Reaction
from service_kit.received import Received
from service_kit.relay import Relay
from service_kit.supervisor import Supervisor
from service_kit.telemetry import Tracing

DURABLE = naming.durable("trading", "sessions")


class Handler:
    """Counts the deliveries of each account and fails as told."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.received: list[Received] = []

    async def __call__(self, received: Received) -> None:
        name = received.event.account
        self.seen[name] = self.seen.get(name, 0) + 1
        self.received.append(received)
        if name == "bad":
            raise ZeroDivisionError("on purpose\nwith two lines")
        if name == "flaky" and self.seen[name] < 3:
            raise ZeroDivisionError
        if name == "busy" and self.seen[name] < 4:
            raise Unavailable("come back", retry_after=0)


@pytest.fixture
async def supervisor():
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop()


@pytest.fixture
async def handler(log, bus, supervisor):
    handler = Handler()
    subjects = [naming.noun_events("accounts", "account")]
    reaction = Reaction(bus, Tracing("trading"), DURABLE, "accounts", subjects, handler, max_deliveries=3, first_delay=0.05)
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    supervisor.start("reaction", reaction.run)
    return handler


async def test_each_event_is_handled_once(log, bus, handler):
    await create_accounts(log, "a1", "a2")
    await eventually(lambda: handler.seen == {"a1": 1, "a2": 1})
    [first] = await log.read("accounts.account-a1")
    received = handler.received[0]
    assert (received.stream, received.version, received.position) == (first.stream, 1, first.position)
    assert received.metadata.message_id == first.metadata.message_id
    assert received.recorded_at == first.recorded_at

    async def acknowledged() -> bool:
        info = await bus.jetstream.consumer_info(STREAM, DURABLE)
        return info.num_ack_pending == 0 and info.ack_floor.stream_seq == 2

    await eventually(acknowledged)


async def test_a_failing_event_is_tried_again_and_does_not_stop_others(log, handler):
    await create_accounts(log, "flaky", "a1")
    await eventually(lambda: handler.seen == {"flaky": 3, "a1": 1})


async def test_unavailable_does_not_use_up_the_deliveries(log, bus, handler):
    await create_accounts(log, "busy")
    await eventually(lambda: handler.seen == {"busy": 4})


async def test_a_message_that_always_fails_becomes_a_dead_letter(log, bus, handler):
    await create_accounts(log, "bad", "a1")

    async def buried() -> bool:
        streams = [info.config.name for info in await bus.jetstream.streams_info()]
        return naming.DEAD_LETTER_STREAM in streams and bool(
            (await bus.jetstream.stream_info(naming.DEAD_LETTER_STREAM)).state.messages
        )

    await eventually(buried)
    letter = await bus.jetstream.get_last_msg(naming.DEAD_LETTER_STREAM, naming.dead_letter_subject(DURABLE))
    assert letter.data == b'{"account":"bad"}'
    assert letter.headers[naming.HEADER_DEAD_REASON] == "ZeroDivisionError: on purpose with two lines"
    assert letter.headers[naming.HEADER_DEAD_SUBJECT] == "evt.accounts.account.bad.AccountCreated"
    assert letter.headers[naming.HEADER_DEAD_DELIVERIES] == "3"
    assert letter.headers[naming.HEADER_TYPE] == "AccountCreated"
    assert handler.seen == {"bad": 3, "a1": 1}

    async def settled() -> bool:
        return (await bus.jetstream.consumer_info(STREAM, DURABLE)).num_ack_pending == 0

    await eventually(settled)


async def test_a_message_of_no_relay_becomes_a_dead_letter(log, bus, handler):
    await create_accounts(log, "a1")
    await eventually(lambda: bool(handler.seen))
    headers = {naming.HEADER_TYPE: "AccountCreated"}
    await bus.jetstream.publish("evt.accounts.account.x.AccountCreated", b"junk", headers=headers)

    async def buried() -> bool:
        streams = [info.config.name for info in await bus.jetstream.streams_info()]
        return naming.DEAD_LETTER_STREAM in streams

    await eventually(buried)
    assert handler.seen == {"a1": 1}


async def test_a_wiped_stream_is_followed_again(log, bus, handler):
    await create_accounts(log, "a1")
    await eventually(lambda: bool(handler.seen))
    await bus.jetstream.delete_stream(STREAM)
    await create_accounts(log, "a2")
    await eventually(lambda: handler.seen.get("a2") == 1)
