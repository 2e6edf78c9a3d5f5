"""Following events live."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from accounts_log import STREAM, create_accounts, published_names
from contracts.accounts import AccountCreated
from eventually import eventually
from service_kit.bus import Bus
from service_kit.follow import follow
from service_kit.relay import Relay
from service_kit.supervisor import Supervisor

CONTEXTS = ("accounts", "trading")


@pytest.fixture
async def supervisor():
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop()


async def seen(bus: Bus, names: list[str], subject: str, *, from_start: bool) -> None:
    """Put the names of followed accounts into `names`, for ever."""
    async with aclosing(follow(bus, CONTEXTS, subject, from_start=from_start)) as messages:
        async for message in messages:
            names.append(AccountCreated.model_validate_json(message.body).account)


async def consumers(bus: Bus) -> int:
    return (await bus.jetstream.stream_info(STREAM)).state.consumer_count


async def test_from_the_start_and_from_now(log, bus, supervisor):
    relay = Relay(bus, log, "accounts")
    supervisor.start("relay", relay.run)
    await create_accounts(log, "a1", "a2")

    async def are_published() -> bool:
        return await published_names(bus) == ["a1", "a2"]

    await eventually(are_published, seconds=30)
    everything: list[str] = []
    news: list[str] = []
    one: list[str] = []
    supervisor.start("everything", lambda: seen(bus, everything, "evt.>", from_start=True))
    supervisor.start("news", lambda: seen(bus, news, "evt.accounts.>", from_start=False))
    supervisor.start("one", lambda: seen(bus, one, "evt.*.account.a2.>", from_start=True))

    async def all_watch() -> bool:
        return await consumers(bus) == 3

    await eventually(all_watch, seconds=30)
    await create_accounts(log, "a3")
    await eventually(lambda: (everything, news, one) == (["a1", "a2", "a3"], ["a3"], ["a2"]), seconds=30)


async def test_a_wiped_stream_is_followed_on_without_telling_anything_twice(log, bus, supervisor):
    supervisor.start("relay", Relay(bus, log, "accounts").run)
    await create_accounts(log, "a1", "a2")
    names: list[str] = []
    supervisor.start("names", lambda: seen(bus, names, "evt.>", from_start=True))
    await eventually(lambda: names == ["a1", "a2"], seconds=30)
    await bus.jetstream.delete_stream(STREAM)
    await create_accounts(log, "a3")
    await eventually(lambda: names == ["a1", "a2", "a3"], seconds=60)


async def test_nobody_can_follow_what_is_no_event(bus):
    with pytest.raises(ValueError, match="no subject of events"):
        await anext(follow(bus, CONTEXTS, "cmd.>"))
