"""The kit works with the narrow logins the stack gives to services."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from accounts_log import NamesView, applied, create_accounts
from contracts import naming
from contracts.accounts import AccountChanged, CreateAccount
from contracts.message import Metadata
from eventlog.log import EventLog
from eventually import eventually
from hummingbus.embedded import running_nats
from hummingbus.embedded.nats_permissions import LOGINS, nats_users
from service_kit.bus import Bus
from service_kit.nudges import Nudges
from service_kit.received import Received
from service_kit.service import Service
from service_kit.settings import ServiceSettings


@pytest.fixture
def guarded_nats(tmp_path: Path):
    """A server with one login a service, the password being its name."""
    with running_nats(tmp_path, tuple(nats_users({login: login for login in LOGINS}))) as url:
        yield url


def login(url: str, name: str) -> str:
    return url.replace("://", f"://{name}:{name}@")


async def ask_as_the_gateway(url: str) -> None:
    client = Bus("gateway-api", login(url, "gateway-api"))
    await client.start()
    assert await client.command(CreateAccount(account="a"), AccountChanged, Metadata())
    health = await client.client.request(naming.health_subject("trading"), b"", 2)
    assert b'"ready"' in health.data
    await client.stop()


async def nudge_the_replicas(bus: Bus) -> None:
    looked: list[bool] = []
    nudges = Nudges(bus, naming.wake_subject("trading", "executor"))
    await nudges.start(lambda: looked.append(True))
    await nudges.send()
    await eventually(lambda: looked == [True])


async def test_all_of_the_kit_is_permitted(guarded_nats, database_url, caplog):
    url = login(guarded_nats, "accounts")
    accounts = Service("accounts", ServiceSettings(nats_url=url), log=EventLog(database_url, context="accounts"))
    reader = EventLog(database_url, context="trading", tables=[NamesView.metadata])
    url = login(guarded_nats, "trading")
    trading = Service("trading", ServiceSettings(nats_url=url), log=reader)

    async def create(command: CreateAccount, _metadata: Metadata) -> AccountChanged:
        return AccountChanged(account=command.account, version=1)

    async def react(received: Received) -> None:
        raise ZeroDivisionError

    accounts.command(CreateAccount, create)
    trading.projection(NamesView())
    trading.reaction("sessions", "accounts", NamesView.subjects, react)
    trading._reactions["sessions"]._max_deliveries = 1
    with caplog.at_level(logging.WARNING):
        await accounts.start()
        await trading.start()
        await create_accounts(accounts.log, "a1")

        async def followed() -> bool:
            return await applied(reader) == ["a1"]

        await eventually(followed)
        await eventually(lambda: "becomes a dead letter" in caplog.text)

        async def buried() -> bool:
            return (await accounts.bus.jetstream.stream_info(naming.DEAD_LETTER_STREAM)).state.messages == 1

        await eventually(buried)
        lease = await trading.leases.acquire("session", "a1.binance")
        assert await trading.leases.acquire("session", "a1.binance") is None
        await lease.release()
        await nudge_the_replicas(trading.bus)
        await ask_as_the_gateway(guarded_nats)
        await trading.stop()
        await accounts.stop()
    assert "Permissions" not in caplog.text
