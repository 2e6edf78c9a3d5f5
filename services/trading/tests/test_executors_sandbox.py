"""Executors of the real engine on the sandbox exchange, with real NATS and Postgres: they trade, end and are resumed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from contracts.accounts import AccountCreated, AccountUnknown, CredentialAdded, CredentialUnknown, RevealCredential
from contracts.message import Event, Metadata
from contracts.naming import stream_id
from contracts.trading import (
    CloseType,
    CreateExecutor,
    ExecutorAccepted,
    ExecutorClosed,
    ExecutorProgressed,
    ExecutorResumed,
    ExecutorStopping,
    GetSession,
    StopExecutor,
)
from eventlog.log import EventLog
from sandbox_rig import Sandbox
from service_kit.sealing import Sealer
from service_kit.service import Service
from service_kit.settings import ServiceSettings
from trading import app
from trading.settings import Settings

KEY = b"k" * 32
MAIN = "main"


class Venue:
    """One account on the sandbox, and a trading service that can be stopped and started again."""

    def __init__(self, nats_url: str, database_url: str, sandbox: Sandbox) -> None:
        self.nats_url, self.database_url, self.sandbox = nats_url, database_url, sandbox
        self.keys: dict[str, str] = {}
        self.log = EventLog(database_url, context="accounts")
        self.accounts = Service("accounts", ServiceSettings(nats_url=nats_url), log=self.log)
        self.accounts.query(RevealCredential, self.reveal)
        self.trading: Service | None = None
        self.reader = EventLog(database_url, context="trading")

    async def reveal(self, _query: RevealCredential, _metadata: Metadata) -> bytes:
        return json.dumps({"credential_version": 1, "sealed": Sealer(KEY).seal(self.keys, purpose="reveal")}).encode()

    async def open(self) -> None:
        account = await self.sandbox.admin("POST", "/accounts", {"balances": {"USDT": "100000", "BTC": "1"}})
        self.keys = {"binance_api_key": account["api_key"], "binance_api_secret": account["api_secret"]}
        await self.accounts.start()
        added = CredentialAdded(account=MAIN, connector="binance", credential_version=1)
        await self.log.append(f"accounts.account-{MAIN}", 0, [AccountCreated(account=MAIN), added], Metadata())
        await self.start()
        await self.reader.attach()

    async def start(self) -> None:
        settings = Settings(
            nats_url=self.nats_url,
            database_url=self.database_url,
            transport_key=base64.b64encode(KEY).decode(),
            sandbox_url=self.sandbox.url,
            settle_seconds=2,
        )
        self.trading = app.build(settings)
        await self.trading.start()
        await self.until_ready()

    async def until_ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                with suppress(AccountUnknown, CredentialUnknown):
                    answer = json.loads(
                        await self.accounts.bus.query(GetSession(account=MAIN, connector="binance"), Metadata())
                    )
                    if answer["state"] == "ready":
                        return
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self.trading is not None:
            await self.trading.stop()
        self.trading = None

    async def create(self, **config: Any) -> str:
        command = CreateExecutor(
            account=MAIN, executor_config={"connector_name": "binance", "trading_pair": "BTC-USDT", **config}
        )
        return (await self.accounts.bus.command(command, ExecutorAccepted, Metadata(), timeout=40)).executor_id

    async def end(self, executor_id: str, *, keep_position: bool = False) -> None:
        await self.accounts.bus.command(
            StopExecutor(executor_id=executor_id, keep_position=keep_position), ExecutorStopping, Metadata()
        )

    async def events(self, executor_id: str) -> list[Event]:
        return [one.event for one in await self.reader.read(stream_id("trading", "executor", executor_id))]

    async def until[E: Event](self, executor_id: str, kind: type[E], check: Callable[[E], bool] = lambda _: True) -> E:
        async with asyncio.timeout(90):
            while True:
                for event in await self.events(executor_id):
                    if isinstance(event, kind) and check(event):
                        return event
                await asyncio.sleep(0.1)

    async def ledger(self) -> dict[str, Any]:
        return await self.sandbox.admin("GET", f"/ledger?api_key={self.keys['binance_api_key']}")


@pytest.fixture
async def venue(nats_url: str, database_url: str, sandbox: Sandbox) -> AsyncIterator[Venue]:
    made = Venue(nats_url, database_url, sandbox)
    await made.open()
    yield made
    await made.stop()
    await made.accounts.stop()
    await made.reader.stop()


def position(**barriers: Any) -> dict[str, Any]:
    return {
        "type": "position_executor",
        "side": "BUY",
        "amount": "0.01",
        "triple_barrier_config": {"open_order_type": "MARKET", **barriers},
    }


async def test_a_position_is_opened_and_closed_by_its_time_limit(venue: Venue) -> None:
    id_ = await venue.create(**position(time_limit=25))
    closed = await venue.until(id_, ExecutorClosed)
    assert closed.close_type is CloseType.TIME_LIMIT
    assert closed.filled_amount_quote > Decimal(1000)
    assert closed.cum_fees_quote > 0


async def test_a_stopped_position_is_closed(venue: Venue) -> None:
    id_ = await venue.create(**position(time_limit=600))
    await venue.until(id_, ExecutorProgressed, lambda event: bool(event.placing))
    await venue.end(id_)
    closed = await venue.until(id_, ExecutorClosed)
    assert closed.close_type is CloseType.EARLY_STOP


async def test_an_executor_goes_on_after_a_restart_with_its_own_timer(venue: Venue) -> None:
    id_ = await venue.create(**position(time_limit=40))
    await venue.until(id_, ExecutorProgressed, lambda event: bool(event.placing))
    await venue.stop()
    await venue.start()
    await venue.until(id_, ExecutorResumed)
    closed = await venue.until(id_, ExecutorClosed)
    assert closed.close_type is CloseType.TIME_LIMIT
