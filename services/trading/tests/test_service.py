"""The composed service on real NATS and Postgres: its sessions follow the credentials that accounts tells of."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from contracts.accounts import (
    AccountCreated,
    AccountUnknown,
    ConnectorUnknown,
    CredentialAdded,
    CredentialDeleted,
    CredentialRefused,
    CredentialReplaced,
    CredentialUnknown,
    OrdersOpen,
    RevealCredential,
)
from contracts.message import Command, Event, Metadata, Query, Reply
from contracts.naming import session_command_subject
from contracts.rejections import Unavailable
from contracts.trading import (
    ConnectorNotFound,
    CredentialProved,
    GetConfigMap,
    GetOrderTypes,
    GetRates,
    GetSession,
    GetTradingRules,
    ListConnectors,
    OrderAccepted,
    ProveCredential,
    ReleaseSession,
    SearchOrders,
    SessionReleased,
    SessionState,
)
from eventlog.execute import execute
from eventlog.log import EventLog
from fake_catalogue import FakeCatalogue
from fake_exchange import FakeExchange
from order_examples import request
from service_kit.leases import Leases
from service_kit.sealing import Sealer
from service_kit.service import Service
from service_kit.settings import ServiceSettings
from trading import app
from trading.domain.session import SESSION, Start
from trading.handlers.live import session_stream
from trading.settings import Settings

KEY = b"k" * 32
MAIN = "main"


class World:
    """Accounts with its log and vault, the exchange, a client, and any number of trading replicas."""

    def __init__(self, nats_url: str, database_url: str) -> None:
        self.nats_url, self.database_url = nats_url, database_url
        self.exchange = FakeExchange()
        self.sealer = Sealer(KEY)
        self.keys: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
        self.log = EventLog(database_url, context="accounts")
        self.accounts = Service("accounts", ServiceSettings(nats_url=nats_url), log=self.log)
        self.accounts.query(RevealCredential, self.reveal)
        self.replicas: list[Service] = []
        self.version = 0

    async def reveal(self, query: RevealCredential, _metadata: Metadata) -> bytes:
        version, fields = self.keys[query.account, query.connector]
        return json.dumps({"credential_version": version, "sealed": self.sealer.seal(fields, purpose="reveal")}).encode()

    async def happen(self, *events: Event) -> None:
        await self.log.append(f"accounts.account-{MAIN}", self.version, events, Metadata())
        self.version += len(events)

    async def credential(self, kind: type[Any], connector: str, version: int, key: str) -> None:
        self.keys[MAIN, connector] = (version, {f"{connector}_api_key": key, f"{connector}_api_secret": "s"})
        await self.happen(kind(account=MAIN, connector=connector, credential_version=version))

    async def trading(self) -> Service:
        settings = Settings(
            nats_url=self.nats_url,
            database_url=self.database_url,
            transport_key=base64.b64encode(KEY).decode(),
            sandbox_url="http://127.0.0.1:1",
            settle_seconds=0.5,
            reconcile_interval=0.5,
        )
        service = app.build(settings)
        await service.start()
        self.replicas.append(service)
        return service

    async def command[R: Reply](self, command: Command, reply: type[R], *, connector: str | None = None) -> R:
        subject = None if connector is None else session_command_subject(MAIN, connector, type(command))
        return await self.accounts.bus.command(command, reply, Metadata(), subject=subject)

    async def query(self, query: Query) -> Any:
        return json.loads(await self.accounts.bus.query(query, Metadata()))

    async def state(self, connector: str) -> str:
        return str((await self.query(GetSession(account=MAIN, connector=connector)))["state"])

    async def until(self, check: Callable[[], Any], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not await check():  # noqa: ASYNC110 - what is waited for happens in another service
                await asyncio.sleep(0.05)

    async def until_state(self, connector: str, wanted: str) -> None:
        async def reached() -> bool:
            # Accounts' events arrive a moment after they were recorded.
            with suppress(AccountUnknown, CredentialUnknown):
                return await self.state(connector) == wanted
            return False

        await self.until(reached)


@pytest.fixture
async def world(nats_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World(nats_url, database_url)

    class NoEngine:
        def __init__(self, *_: object) -> None:
            pass

        async def start(self) -> None:
            pass

        async def stop(self) -> None:
            pass

        def pending(self) -> None:
            return None

    monkeypatch.setattr(app, "Engine", NoEngine)
    monkeypatch.setattr(app, "EngineCatalogue", lambda *_: FakeCatalogue())
    for name in ("EngineExchanges", "EngineProver", "EngineRates"):
        monkeypatch.setattr(app, name, lambda *_: made.exchange)
    await made.accounts.start()
    await made.happen(AccountCreated(account=MAIN))
    await made.trading()
    yield made
    for replica in made.replicas:
        await replica.stop()
    await made.accounts.stop()


async def test_a_credential_makes_a_session_that_trades_and_its_deletion_ends_it(world: World) -> None:
    with pytest.raises(AccountUnknown):
        await world.query(GetSession(account="nobody", connector="binance"))
    await world.credential(CredentialAdded, "binance", 1, "key")
    await world.until_state("binance", "ready")
    order = request(amount=Decimal("0.5"), price=Decimal(50000))
    accepted = await world.command(order, OrderAccepted, connector="binance")
    world_orders = SearchOrders(account_names=(MAIN,))

    async def open_there() -> bool:
        return [item["status"] for item in (await world.query(world_orders))["data"]] == ["OPEN"]

    await world.until(open_there)
    release = ReleaseSession(account=MAIN, connector="binance")
    with pytest.raises(OrdersOpen):
        await world.command(release, SessionState)
    world.exchange.fill(accepted.order_id, Decimal("0.5"), Decimal(50000))

    async def filled() -> bool:
        return [item["status"] for item in (await world.query(world_orders))["data"]] == ["FILLED"]

    await world.until(filled)
    assert (await world.command(release, SessionState)).state == "stopped"
    with pytest.raises(Unavailable):  # nobody answers, or the one who is leaving says so
        await world.command(order, OrderAccepted, connector="binance")
    await world.happen(CredentialDeleted(account=MAIN, connector="binance"))
    await asyncio.sleep(1)
    assert len(world.exchange.sessions) == 1
    await world.credential(CredentialAdded, "binance", 2, "key")
    await world.until_state("binance", "ready")


async def test_a_replaced_credential_restarts_the_session_with_the_new_keys(world: World) -> None:
    await world.credential(CredentialAdded, "binance", 1, "old")
    await world.until_state("binance", "ready")
    await world.credential(CredentialReplaced, "binance", 2, "new")

    async def restarted() -> bool:
        return len(world.exchange.sessions) == 2 and await world.state("binance") == "ready"

    await world.until(restarted)
    assert not world.exchange.sessions[0].running
    assert world.exchange.sessions[1].fields["binance_api_key"] == "new"


async def test_one_failing_exchange_does_not_delay_another(world: World) -> None:
    world.exchange.bad_keys = {"bad"}
    await world.credential(CredentialAdded, "kraken", 1, "bad")
    await world.credential(CredentialAdded, "binance", 2, "good")
    await world.until_state("binance", "ready")
    await world.until_state("kraken", "failed")
    session = await world.query(GetSession(account=MAIN, connector="kraken"))
    assert session["reason"].startswith("Invalid API-key")
    assert (await world.command(ReleaseSession(account=MAIN, connector="kraken"), SessionState)).state == "stopped"


async def test_two_replicas_run_a_session_once_and_hand_it_over(world: World) -> None:
    await world.credential(CredentialAdded, "binance", 1, "key")
    await world.until_state("binance", "ready")
    await world.trading()
    await asyncio.sleep(1.5)
    assert [session.running for session in world.exchange.sessions] == [True]
    await world.replicas.pop(0).stop()

    async def handed_over() -> bool:
        return [session.running for session in world.exchange.sessions] == [False, True]

    await world.until(handed_over)
    await world.until_state("binance", "ready")


async def test_a_release_reaches_the_session_through_another_replica(world: World) -> None:
    await world.credential(CredentialAdded, "binance", 1, "key")
    await world.until_state("binance", "ready")
    await world.trading()
    for _ in range(4):
        released = await world.command(ReleaseSession(account=MAIN, connector="binance"), SessionState)
        assert released.state == "stopped"
    assert not any(session.running for session in world.exchange.sessions)


async def test_a_start_recorded_after_a_release_is_released_too(world: World) -> None:
    await world.credential(CredentialAdded, "binance", 1, "key")
    await world.until_state("binance", "ready")
    await world.replicas.pop(0).stop()
    log, stream = EventLog(world.database_url, context="trading"), session_stream(MAIN, "binance")
    await log.start()
    lease = await Leases(world.accounts.bus, log, holder="slow").acquire("session", f"{MAIN}.binance")
    assert lease is not None
    await world.trading()

    async def released(times: int) -> bool:
        return sum(isinstance(each.event, SessionReleased) for each in await log.read(stream)) == times

    releasing = asyncio.create_task(world.command(ReleaseSession(account=MAIN, connector="binance"), SessionState))
    try:
        await world.until(partial(released, 1))
        start = Start(account=MAIN, connector="binance", credential_version=1, holder="slow")
        await execute(log, SESSION, stream, start, Metadata())
        await world.until(partial(released, 2))
    finally:
        await lease.release()
        await log.stop()
    assert (await releasing).state == "stopped"


async def test_connectors_and_proofs(world: World) -> None:
    assert await world.query(ListConnectors()) == ["binance", "kraken"]
    fields = await world.query(GetConfigMap(connector="binance"))
    assert fields["binance_api_key"] == {"type": "SecretStr", "required": True}
    types = await world.query(GetOrderTypes(connector="binance"))
    assert types == {"connector": "binance", "supported_order_types": ["LIMIT", "LIMIT_MAKER", "MARKET"]}
    rules = await world.query(GetTradingRules(connector="binance", trading_pairs=("BTC-USDT", "NOPE-USDT")))
    assert rules["NOPE-USDT"] == {"error": "Trading pair NOPE-USDT not found"}
    assert rules["BTC-USDT"]["min_order_size"] == 0.0001
    assert rules["BTC-USDT"]["min_quote_amount_increment"] == 1e-56
    rates = await world.query(GetRates(tokens=("BTC", "USDT", "NOPE")))
    assert rates == {"quote_token": "USDT", "rates": {"BTC": "50000", "USDT": "1", "NOPE": None}}
    for query in (GetConfigMap(connector="x"), GetOrderTypes(connector="x"), GetTradingRules(connector="x")):
        with pytest.raises(ConnectorNotFound):
            await world.query(query)
    sealed = world.sealer.seal({"binance_api_key": "k"}, purpose="prove")
    assert await world.command(ProveCredential(connector="binance", sealed=sealed), CredentialProved)
    with pytest.raises(ConnectorUnknown):
        await world.command(ProveCredential(connector="x", sealed=sealed), CredentialProved)
    world.exchange.bad_keys = {"k"}
    with pytest.raises(CredentialRefused, match="Invalid API-key"):
        await world.command(ProveCredential(connector="binance", sealed=sealed), CredentialProved)
