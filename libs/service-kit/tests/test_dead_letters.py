"""Dead letters, sent again to a real reaction."""

from __future__ import annotations

import asyncio

import pytest
from accounts_log import STREAM, create_accounts
from contracts import naming
from eventually import eventually
from service_kit.bus import Bus
from service_kit.dead_letters import DeadLetter, LetterUnknown, dead_letter, dead_letters, send_again
from service_kit.reactions import Reaction
from service_kit.received import Received
from service_kit.relay import Relay
from service_kit.supervisor import Supervisor
from service_kit.telemetry import Tracing

DURABLE, OTHER = naming.durable("trading", "sessions"), naming.durable("trading", "witness")


class Handler:
    """Fails until it is mended."""

    def __init__(self, *, broken: bool) -> None:
        self.broken = broken
        self.attempts = 0
        self.done: list[Received] = []

    async def __call__(self, received: Received) -> None:
        self.attempts += 1
        if self.broken:
            raise ZeroDivisionError
        self.done.append(received)


@pytest.fixture
async def supervisor():
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop()


async def letters(bus: Bus) -> list[DeadLetter]:
    return [letter async for letter in dead_letters(bus.jetstream)]


@pytest.fixture
async def handler(log, bus, supervisor):
    """The handler of a reaction that fails, beside another reaction to the same events that does not."""
    handler, witness = Handler(broken=True), Handler(broken=False)
    subjects = [naming.noun_events("accounts", "account")]
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    for name, each in ((DURABLE, handler), (OTHER, witness)):
        reaction = Reaction(bus, Tracing("trading"), name, "accounts", subjects, each, max_deliveries=2, first_delay=0.05)
        supervisor.start(name, reaction.run)
        supervisor.start(f"retries {name}", reaction.retries().run)
    yield handler
    assert [received.event.account for received in witness.done] == ["a1", "a2"][: len(witness.done)]


async def buried(bus: Bus, number: int) -> list[DeadLetter]:
    async def are_there() -> bool:
        return len(await letters(bus)) == number

    await eventually(are_there, seconds=30)
    return await letters(bus)


async def test_a_letter_sent_again_is_handled_once_by_the_reaction_that_failed(log, bus, handler):
    assert await letters(bus) == []
    await create_accounts(log, "a1", "a2")
    first, second = await buried(bus, 2)
    assert (first.durable, first.reason, first.deliveries) == (DURABLE, "ZeroDivisionError", 2)
    handler.broken = False
    await asyncio.gather(*(send_again(bus.jetstream, first) for _ in range(5)))
    await send_again(bus.jetstream, first)
    await send_again(bus.jetstream, second)
    await eventually(lambda: len(handler.done) == 2, seconds=30)

    async def settled() -> bool:
        info = await bus.jetstream.consumer_info(naming.DEAD_LETTER_STREAM, DURABLE)
        return info.num_pending == 0 and info.num_ack_pending == 0

    await eventually(settled, seconds=30)
    assert handler.attempts == 4 + 2
    assert sorted(received.event.account for received in handler.done) == ["a1", "a2"]
    original = await log.read("accounts.account-a1")
    assert {received.metadata.message_id for received in handler.done} >= {original[0].metadata.message_id}
    assert await letters(bus) == []
    with pytest.raises(LetterUnknown):
        await dead_letter(bus.jetstream, first.number)


async def test_a_letter_that_fails_again_is_a_letter_again(log, bus, handler):
    await create_accounts(log, "a1")
    [letter] = await buried(bus, 1)
    assert await dead_letter(bus.jetstream, letter.number) == letter
    await send_again(bus.jetstream, letter)

    async def another() -> bool:
        return [each.number > letter.number for each in await letters(bus)] == [True]

    await eventually(another, seconds=30)
    [again] = await letters(bus)
    assert (again.subject, again.body) == (letter.subject, letter.body)
    assert again.headers[naming.HEADER_DEAD_SEQUENCE] == letter.headers[naming.HEADER_DEAD_SEQUENCE]
    handler.broken = False
    await send_again(bus.jetstream, again)
    await eventually(lambda: len(handler.done) == 1, seconds=30)


async def test_a_letter_waits_for_a_reaction_that_is_not_running(log, bus, handler, supervisor):
    await create_accounts(log, "a1")
    [letter] = await buried(bus, 1)
    await supervisor.stop(f"retries {DURABLE}")
    handler.broken = False
    await send_again(bus.jetstream, letter)
    assert handler.done == []
    subjects = [naming.noun_events("accounts", "account")]
    later = Reaction(bus, Tracing("trading"), DURABLE, "accounts", subjects, handler)
    supervisor.start("later", later.retries().run)
    await eventually(lambda: len(handler.done) == 1, seconds=30)
    assert handler.done[0].stream == "accounts.account-a1"
    assert (await bus.jetstream.stream_info(STREAM)).state.messages == 1
