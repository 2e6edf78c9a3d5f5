"""Least privilege on the bus, tried on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import bcrypt
import nats
import pytest
from contracts import naming
from contracts.trading.order import PlaceOrder
from hummingbus import embedded
from hummingbus.embedded.nats_permissions import LOGINS, REVEAL, REVEAL_PASSWORD, ROTATE, nats_users
from nats.aio.client import Client
from nats.js.api import KeyValueConfig

PLACE = naming.session_command_subject("master_account", "binance", PlaceOrder)


@pytest.fixture(scope="module")
def guarded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    hashes = {login: bcrypt.hashpw(login.encode(), bcrypt.gensalt(4, b"2a")).decode() for login in LOGINS}
    with embedded.running_nats(tmp_path_factory.mktemp("guarded"), tuple(nats_users(hashes))) as url:
        yield url


@dataclass
class Login:
    """A connection with one login, and what the server refused it."""

    name: str
    url: str
    refused: list[str] = field(default_factory=list)
    client: Client = field(default_factory=Client)

    async def __aenter__(self) -> Login:
        async def note(error: Exception) -> None:
            self.refused.append(str(error))

        url = self.url.replace("nats://", f"nats://{self.name}:{self.name}@")
        await self.client.connect(url, error_cb=note, inbox_prefix=naming.inbox_prefix(self.name), allow_reconnect=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def may_publish(self, subject: str) -> bool:
        return await self._allowed(lambda: self.client.publish(subject, b""))

    async def may_subscribe(self, subject: str) -> bool:
        return await self._allowed(lambda: self.client.subscribe(subject))

    async def _allowed(self, act: object) -> bool:
        self.refused.clear()
        await act()  # type: ignore[operator]
        await self.client.flush()
        await asyncio.sleep(0.02)
        return not self.refused


async def test_only_trading_asks_for_a_credentials_secret(guarded_url: str) -> None:
    for login in LOGINS:
        async with Login(login, guarded_url) as one:
            assert await one.may_publish(REVEAL) is (login == "trading"), login


async def test_only_the_operator_rotates_the_config_password_and_only_a_replica_is_told_it(guarded_url: str) -> None:
    for login in LOGINS:
        async with Login(login, guarded_url) as one:
            assert await one.may_publish(ROTATE) is (login == "operator"), login
            assert await one.may_publish(REVEAL_PASSWORD) is (login == "accounts"), login


async def test_nobody_listens_to_anothers_answers_or_commands(guarded_url: str) -> None:
    for login in LOGINS:
        async with Login(login, guarded_url) as one:
            assert await one.may_subscribe(naming.inbox(login))
            others = [other for other in LOGINS if other != login]
            assert not [other for other in others if await one.may_subscribe(naming.inbox(other))]
            assert not await one.may_subscribe("_INBOX.>")
            assert not await one.may_subscribe(">")
            assert await one.may_subscribe(naming.commands_of("trading")) is (login == "trading")
            assert await one.may_subscribe(naming.queries_of("accounts")) is (login == "accounts")


async def test_only_its_own_service_writes_a_contexts_events(guarded_url: str) -> None:
    fact = naming.event_subject(naming.stream_id("trading", "order", "o1"), "OrderFilled")
    for login in LOGINS:
        async with Login(login, guarded_url) as one:
            assert await one.may_publish(fact) is (login == "trading"), login


async def test_a_request_is_answered(guarded_url: str) -> None:
    async with Login("gateway-api", guarded_url) as gateway, Login("trading", guarded_url) as trading:

        async def answer(message: nats.aio.msg.Msg) -> None:
            await message.respond(b"done")

        await trading.client.subscribe(PLACE, queue="trading", cb=answer)
        await trading.client.flush()
        assert (await gateway.client.request(PLACE, b"", timeout=2)).data == b"done"


async def test_streams_consumers_and_leases_work_with_least_privilege(guarded_url: str) -> None:
    async with Login("trading", guarded_url) as trading, Login("accounts", guarded_url) as accounts:
        jetstream = trading.client.jetstream()
        stream = naming.event_stream("trading")
        await jetstream.add_stream(name=stream, subjects=[naming.event_stream_subjects("trading")])
        fact = naming.event_subject(naming.stream_id("trading", "order", "o1"), "OrderFilled")
        await jetstream.publish(fact, b"1")
        follower = accounts.client.jetstream()
        subscription = await follower.pull_subscribe(
            naming.noun_events("trading", "order"), naming.durable("accounts", "t"), stream
        )
        (message,) = await subscription.fetch(1, timeout=2)
        await message.ack_sync()
        bucket = await jetstream.create_key_value(KeyValueConfig(bucket=naming.LEASE_BUCKET, ttl=10))
        revision = await bucket.create("session.a.b", b"1")
        await bucket.update("session.a.b", b"2", revision)
        assert (await (await follower.key_value(naming.LEASE_BUCKET)).get("session.a.b")).value == b"2"
        assert await accounts.may_publish(f"$JS.API.STREAM.DELETE.{stream}") is False
        assert await accounts.may_publish(f"$JS.API.STREAM.PURGE.{stream}") is False


async def test_the_gateway_keeps_its_answers_and_no_leases(guarded_url: str) -> None:
    async with Login("gateway-api", guarded_url) as gateway, Login("trading", guarded_url) as trading:
        bucket = await gateway.client.jetstream().create_key_value(KeyValueConfig(bucket=naming.ANSWER_BUCKET, ttl=10))
        revision = await bucket.create("a", b"1")
        revision = await bucket.update("a", b"2", revision)
        assert (await bucket.get("a")).value == b"2"
        await bucket.delete("a", last=revision)
        assert not await gateway.may_publish(naming.bucket_subjects(naming.LEASE_BUCKET).replace(">", "a"))
        assert not await trading.may_publish(naming.bucket_subjects(naming.ANSWER_BUCKET).replace(">", "a"))


async def test_a_stranger_does_not_get_in(guarded_url: str) -> None:
    with pytest.raises(nats.errors.Error, match="Authorization"):
        await nats.connect(guarded_url, allow_reconnect=False, error_cb=_ignore)


async def _ignore(_: Exception) -> None:
    return
