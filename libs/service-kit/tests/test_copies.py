"""Copies of answers: served without asking, and never behind what their owner told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from accounts_log import create_accounts
from contracts import naming
from contracts.accounts import AccountChanged, CreateAccount, ListAccounts, ListCredentials
from contracts.message import Metadata
from eventlog.log import EventLog
from eventually import eventually
from nats.aio.msg import Msg
from service_kit import copies
from service_kit.bus import Bus, Response
from service_kit.changes import Changes, Keepable
from service_kit.copies import Copies
from service_kit.service import Service
from service_kit.settings import ServiceSettings


class Owner:
    """A service whose answer is a number that grows with each question it is asked."""

    def __init__(self, url: str, log: EventLog | None, replica: str = "r1", seconds: float = 5.0) -> None:
        self.asked = 0
        self.seconds = seconds
        self.go = asyncio.Event()
        self.go.set()
        self.service = Service("accounts", ServiceSettings(nats_url=url, replica=replica), log=log)
        self.service.query(ListAccounts, self._accounts)
        self.service.query(ListCredentials, self._credentials)
        self.service.command(CreateAccount, self._create)
        if log is not None:
            self.service.tell_changes()

    async def _accounts(self, _query: ListAccounts, _metadata: Metadata) -> Keepable:
        self.asked += 1
        number = self.asked
        await self.go.wait()
        return Keepable(str(number).encode(), self.seconds)

    async def _credentials(self, query: ListCredentials, _metadata: Metadata) -> Keepable:
        self.asked += 1
        return Keepable(query.account.encode())

    async def _create(self, command: CreateAccount, _metadata: Metadata) -> AccountChanged:
        return AccountChanged(account=command.account, version=1)


@dataclass
class Asker:
    """Who keeps copies; `now` is its clock."""

    bus: Bus
    copies: Copies
    now: float = 0.0

    async def ask(self, query: ListAccounts | ListCredentials | None = None) -> bytes:
        asked = query or ListAccounts()

        async def request() -> Response:
            return await self.bus.request(naming.query_subject(type(asked)), asked, Metadata(), 10)

        return (await self.copies.answer(asked, request)).body

    async def keeps(self) -> bool:
        """Whether the same question is answered from a copy."""
        return await self.ask() == await self.ask()


async def asker(url: str, name: str = "gateway-api") -> Asker:
    bus = Bus(name, url)
    made = Asker(bus, Copies(bus, ("accounts",), clock=lambda: made.now))
    await bus.start()
    await made.copies.start()
    await bus.settle()
    return made


@pytest.fixture
async def owner(nats_url: str, database_url: str) -> AsyncIterator[Owner]:
    owner = Owner(nats_url, EventLog(database_url, context="accounts"))
    await owner.service.start()
    yield owner
    await owner.service.stop()


@pytest.fixture
async def gateway(nats_url: str, owner: Owner) -> AsyncIterator[Asker]:
    gateway = await asker(nats_url)
    await eventually(gateway.keeps)
    yield gateway
    await gateway.copies.stop()
    await gateway.bus.stop()


async def test_an_answer_is_kept_until_a_commit(gateway: Asker, owner: Owner) -> None:
    kept = await gateway.ask()
    assert [await gateway.ask() for _ in range(20)] == [kept] * 20
    assert owner.service.log is not None
    await create_accounts(owner.service.log, "a1")

    async def changed() -> bool:
        return await gateway.ask() != kept

    await eventually(changed, 30)
    await eventually(gateway.keeps, 30)


async def test_a_command_is_told_to_other_replicas_too(gateway: Asker, owner: Owner, nats_url: str) -> None:
    other = await asker(nats_url)
    await eventually(other.keeps, 30)
    kept, others = await gateway.ask(), await other.ask()
    await gateway.bus.command(CreateAccount(account="a"), AccountChanged, Metadata())
    gateway.copies.drop("accounts")
    assert await gateway.ask() != kept

    async def changed() -> bool:
        return await other.ask() != others

    await eventually(changed, 30)
    await other.bus.stop()


async def test_answers_differ_by_what_was_asked(gateway: Asker, owner: Owner) -> None:
    for _ in range(3):
        assert await gateway.ask(ListCredentials(account="a")) == b"a"
        assert await gateway.ask(ListCredentials(account="b")) == b"b"


async def test_callers_together_ask_once_and_an_answer_under_way_at_a_change_is_not_kept(gateway: Asker, owner: Owner) -> None:
    gateway.copies.drop("accounts")
    owner.go.clear()
    before = owner.asked
    first = [asyncio.create_task(gateway.ask()) for _ in range(30)]
    await eventually(lambda: owner.asked > before)
    gateway.copies.drop("accounts")
    second = [asyncio.create_task(gateway.ask()) for _ in range(30)]
    await eventually(lambda: owner.asked > before + 1)
    first[0].cancel()
    owner.go.set()
    assert set(await asyncio.gather(*first[1:])) == {str(before + 1).encode()}
    assert set(await asyncio.gather(*second)) == {str(before + 2).encode()}
    assert owner.asked == before + 2
    assert await gateway.ask() != str(before + 1).encode()


async def test_time_ends_a_copy_as_its_owner_said(gateway: Asker, owner: Owner) -> None:
    owner.seconds = 1.5
    gateway.copies.drop("accounts")
    kept = await gateway.ask()
    assert await gateway.ask() == kept
    gateway.now += 1.6
    assert await gateway.ask() != kept
    owner.seconds = 0.0
    gateway.copies.drop("accounts")
    assert not await gateway.keeps()


async def test_a_silent_owner_is_asked_again(gateway: Asker, owner: Owner) -> None:
    kept = await gateway.ask()
    await owner.service._plumbing.stop("changes")
    gateway.now += copies.SILENCE + 0.1
    assert await gateway.ask() != kept
    assert not await gateway.keeps()


async def test_an_owner_that_stops_says_so(gateway: Asker, owner: Owner) -> None:
    await gateway.ask()
    await owner.service.stop()
    await eventually(lambda: not gateway.copies._contexts["accounts"].copies)
    assert not gateway.copies._contexts["accounts"].owners


async def test_another_replica_of_the_owner_ends_all_copies(
    gateway: Asker, owner: Owner, nats_url: str, database_url: str
) -> None:
    drops = gateway.copies._contexts["accounts"].drops
    second = Owner(nats_url, EventLog(database_url, context="accounts"), "r2")
    await second.service.start()
    await eventually(lambda: len(gateway.copies._contexts["accounts"].owners) == 2, 30)
    assert gateway.copies._contexts["accounts"].drops > drops
    kept = await gateway.ask()
    assert second.service.log is not None
    await create_accounts(second.service.log, "a1")

    async def changed() -> bool:
        return await gateway.ask() != kept

    await eventually(changed, 30)
    await second.service.stop()


async def test_nothing_is_served_without_nats_and_nothing_old_after_it(killable_nats, database_url) -> None:
    owner = Owner(killable_nats.url, EventLog(database_url, context="accounts"))
    await owner.service.start()
    gateway = await asker(killable_nats.url)
    await eventually(gateway.keeps, 30)
    drops = gateway.copies._contexts["accounts"].drops
    killable_nats.kill()
    await eventually(lambda: not gateway.bus.connected, 30)
    assert not gateway.copies._followed(gateway.copies._contexts["accounts"])
    await killable_nats.start()
    await eventually(lambda: gateway.copies._contexts["accounts"].drops > drops, 30)
    await eventually(lambda: gateway.bus.connected and owner.service.bus.connected, 30)
    await eventually(gateway.keeps, 30)
    await owner.service.stop()
    await gateway.bus.stop()


async def test_an_owner_that_tells_no_changes_is_asked_each_time(nats_url: str) -> None:
    owner = Owner(nats_url, None)
    await owner.service.start()
    gateway = await asker(nats_url)
    assert not await gateway.keeps()
    await owner.service.stop()
    await gateway.bus.stop()


async def test_large_answers_and_too_many_are_not_kept(gateway: Asker, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question counts as well as the answer, which here is the account's name."""
    one = copies.BESIDE + len('ListCredentials {"account":"aaa"}') + len("aaa")
    monkeypatch.setattr(copies, "LARGEST", one)
    monkeypatch.setattr(copies, "ROOM", 2 * one - 1)
    for name in ("long one", "aaa", "bbb"):
        await gateway.ask(ListCredentials(account=name))
        await gateway.ask(ListCredentials(account=name))
    kept = gateway.copies._contexts["accounts"]
    assert [key for key in kept.copies if "long" in key or "aaa" in key] == []
    assert [key for key in kept.copies if "bbb" in key]
    assert kept.size == one


async def test_changes_within_the_pace_are_told_together(nats_url: str) -> None:
    bus = Bus("accounts", nats_url)
    await bus.start()
    told: list[str] = []

    async def heard(message: Msg) -> None:
        told.append(message.data.decode().partition(" ")[2])

    await bus.client.subscribe(naming.changes_subject("accounts"), cb=heard)
    changes = Changes(bus, "accounts")
    changes.pace = 1.0
    telling = asyncio.create_task(changes.run())
    await eventually(lambda: told == ["0"])
    for _ in range(20):
        changes.changed()
        await asyncio.sleep(0.01)
    await eventually(lambda: told[-1] == "20")
    assert len(told) < 20
    telling.cancel()
    await bus.stop()


async def test_whoever_watches_is_called_when_copies_may_be_wrong(nats_url: str) -> None:
    listening = await asyncio.wait_for(asker(nats_url), 60)
    called: list[str] = []
    listening.copies.on_drop("accounts", lambda: called.append("accounts"))
    listening.copies.on_drop("unknown", lambda: called.append("unknown"))
    listening.copies.drop("accounts")
    listening.copies.drop("unknown")
    assert called == ["accounts"]
    owner = await asyncio.wait_for(asker(nats_url, "accounts"), 60)
    await owner.bus.client.publish(naming.changes_subject("accounts"), b"owner 1")
    await eventually(lambda: len(called) == 2)
    await owner.bus.stop()
    await listening.bus.stop()
