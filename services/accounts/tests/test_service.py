"""The whole service on a real bus and database, beside a trading service made for the test."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from accounts.app import build
from accounts.settings import Settings
from contracts.accounts import (
    AccountChanged,
    AddCredential,
    CredentialRefused,
    DeleteCredential,
    GetPortfolioHistory,
    GetPortfolioState,
    ListCredentials,
    PortfolioRefreshed,
    RefreshPortfolio,
    RevealCredential,
)
from contracts.message import Command, Metadata, Query
from contracts.trading import (
    Balance,
    BalancesRead,
    BalancesReported,
    CredentialProved,
    GetConfigMap,
    GetRates,
    GetSession,
    ProveCredential,
    RefreshBalances,
    ReleaseSession,
    SessionState,
)
from eventlog.log import EventLog
from service_kit.sealing import Sealer
from service_kit.service import Service
from service_kit.settings import ServiceSettings

CANARY = "canary-9e77b2"
KEY = b"t" * 32
STREAM = "trading.session-master_account.binance"


class TradingService:
    """Serves what accounts asks of trading, with the real relay behind it."""

    def __init__(self, nats_url: str, database_url: str) -> None:
        self.log = EventLog(database_url, context="trading")
        self.service = Service("trading", ServiceSettings(nats_url=nats_url), log=self.log)
        self.sealer = Sealer(KEY)
        self.released: list[str] = []
        self.service.command(ProveCredential, self.prove)
        self.service.command(ReleaseSession, self.release)
        for query in (GetConfigMap, GetRates, GetSession):
            self.service.query(query, self.answer)

    async def prove(self, command: ProveCredential, _: Metadata) -> CredentialProved:
        key = self.sealer.open(command.sealed, purpose="prove")["binance_api_key"]
        if not key.startswith("good"):
            raise CredentialRefused(f"Invalid API-key: {key}")
        return CredentialProved(connector=command.connector)

    async def release(self, command: ReleaseSession, _: Metadata) -> SessionState:
        self.released.append(command.connector)
        return SessionState(account=command.account, connector=command.connector, state="stopped")

    async def answer(self, query: Query, _: Metadata) -> bytes:
        match query:
            case GetConfigMap():
                return json.dumps({"binance_api_key": {"type": "SecretStr", "required": True}}).encode()
            case GetRates(tokens=tokens):
                return json.dumps({"quote_token": "USDT", "rates": dict.fromkeys(tokens, "40000")}).encode()
            case _:
                return b'{"account": "master_account", "connector": "binance", "state": "failed", "reason": "maintenance"}'

    async def report(self, version: int, total: str) -> None:
        balances = (Balance(token="BTC", total=Decimal(total), available=Decimal(total)),)
        event = BalancesReported(account="master_account", connector="binance", balances=balances)
        await self.log.append(STREAM, version - 1, [event], Metadata())


@pytest.fixture
async def trading(nats_url: str, database_url: str) -> AsyncIterator[TradingService]:
    trading = TradingService(nats_url, database_url)
    await trading.service.start()
    yield trading
    await trading.service.stop()


@pytest.fixture
def make(nats_url: str, database_url: str) -> Callable[..., Service]:
    def composed(password: str = "config password") -> Service:  # noqa: S107
        return build(
            Settings(
                nats_url=nats_url,
                database_url=database_url,
                config_password=password,
                transport_key=base64.b64encode(KEY).decode(),
                account_update_interval=0.02,
            )
        )

    return composed


@pytest.fixture
async def accounts(trading: TradingService, make: Callable[..., Service]) -> AsyncIterator[Service]:
    service = make()
    await service.start()
    yield service
    await service.stop()


async def eventually[T](ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """The first answer that is as wanted, within half a minute."""
    async with asyncio.timeout(30):
        while not wanted(answer := await ask()):  # noqa: ASYNC110 - the answer is another service's
            await asyncio.sleep(0.02)
    return answer


def add(key: str) -> AddCredential:
    values = {"binance_api_key": key}
    return AddCredential.model_validate({"account": "master_account", "connector": "binance", "values": values})


async def test_from_a_key_to_a_portfolio_and_its_history(
    trading: TradingService, accounts: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bus = trading.service.bus

    async def ask(query: Query) -> Any:
        return json.loads(await bus.query(query, Metadata()))

    async def send(command: Command, reply: type[Any]) -> Any:
        return await bus.command(command, reply, Metadata())

    with pytest.raises(CredentialRefused, match=r"Invalid API-key: \*+$"):
        await send(add("bad-" + CANARY), AccountChanged)
    assert await ask(ListCredentials(account="master_account")) == []
    assert (await send(add("good-" + CANARY), AccountChanged)).version == 2
    revealed = await ask(RevealCredential(account="master_account", connector="binance"))
    assert trading.sealer.open(revealed["sealed"], purpose="reveal") == {"binance_api_key": "good-" + CANARY}

    await trading.report(1, "0.5")
    state = await eventually(lambda: ask(GetPortfolioState()), bool)
    holding = {"token": "BTC", "units": 0.5, "price": 40000.0, "value": 20000.0, "available_units": 0.5}
    assert state == {"master_account": {"binance": [holding]}}
    history = await eventually(lambda: ask(GetPortfolioHistory()), lambda page: len(page["data"]) > 1)
    assert history["data"][-1]["state"] == state

    failed = await send(RefreshPortfolio(), PortfolioRefreshed)
    assert failed.failed == {"master_account.binance": "The session of master_account on binance is failed: maintenance"}
    await refreshed_at_once(trading, ask, send)

    await send(DeleteCredential(account="master_account", connector="binance"), AccountChanged)
    assert trading.released == ["binance"]
    assert await ask(GetPortfolioState()) == {}
    assert not [record for record in caplog.records if CANARY in record.getMessage() + repr(record.__dict__)]


async def refreshed_at_once(trading: TradingService, ask: Any, send: Any) -> None:
    async def refresh(command: RefreshBalances, _: Metadata) -> BalancesRead:
        balances = (Balance(token="USDT", total=Decimal(7), available=Decimal(7)),)
        return BalancesRead(account=command.account, connector=command.connector, balances=balances, version=2)

    subscription = await trading.service.session_command(
        RefreshBalances, refresh, account="master_account", connector="binance"
    )
    assert (await send(RefreshPortfolio(), PortfolioRefreshed)).refreshed == ("master_account.binance",)
    assert (await ask(GetPortfolioState()))["master_account"]["binance"][0]["units"] == 7.0
    await subscription.stop()


async def test_a_wrong_config_password_is_told_by_readiness_and_a_restart_with_the_right_one_goes_on(
    trading: TradingService, make: Callable[..., Service]
) -> None:
    bus = trading.service.bus
    for password, ready in (("config password", True), ("another", False), ("config password", True)):
        service = make(password)
        await service.start()
        if ready:
            await bus.command(add("good"), AccountChanged, Metadata())
        reader, writer = await asyncio.open_connection("127.0.0.1", service.health_port)
        writer.write(b"GET /health/ready HTTP/1.0\r\n\r\n")
        answer = (await reader.read()).decode()
        assert ("The config password is not the one" in answer) is not ready
        writer.close()
        await service.stop()
