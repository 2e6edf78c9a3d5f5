"""What the service's tests are built from: its log as composed, and a trading service that answers from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from accounts import migrations
from accounts.adapters import vault
from accounts.adapters.vault import KeyCost
from accounts.views import history, portfolio, prices
from accounts.views.accounts import AccountsView
from accounts.views.credentials import CredentialsView
from contracts.message import Metadata
from contracts.trading import Balance, BalancesRead, ConnectorNotFound
from eventlog.log import EventLog
from pydantic import SecretStr

CHEAP = KeyCost(time_cost=1, memory_kib=64, parallelism=1)
BINANCE = {
    "binance_api_key": {"type": "SecretStr", "required": True},
    "binance_api_secret": {"type": "SecretStr", "required": True},
}


@dataclass
class TradingInMemory:
    """Trading as its protocols promise. `refusal` is raised by `prove`, `released` records who was stopped."""

    refusal: Exception | None = None
    open_orders: Exception | None = None
    known_rates: dict[str, Decimal | None] = field(default_factory=dict)
    rates_failure: Exception | None = None
    rates_asked: int = 0
    balances: dict[str, tuple[Balance, ...]] = field(default_factory=dict)
    version: int = 1
    proved: list[dict[str, str]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    before_proof: asyncio.Event | None = None

    async def config_map(self, connector: str, _: Metadata) -> Mapping[str, Mapping[str, Any]]:
        if connector not in {"binance", "kraken"}:
            raise ConnectorNotFound(f"no connector {connector}")
        return BINANCE

    async def prove(self, _: str, fields: Mapping[str, SecretStr], __: Metadata) -> None:
        if self.before_proof is not None:
            await self.before_proof.wait()
        if self.refusal is not None:
            raise self.refusal
        self.proved.append({name: value.get_secret_value() for name, value in fields.items()})

    async def has_open_orders(self, _: str, __: Metadata) -> bool:
        return self.open_orders is not None

    async def release(self, account: str, connector: str, _: Metadata, *, force: bool) -> None:
        if self.open_orders is not None and not force:
            raise self.open_orders
        self.released.append(f"{account}.{connector}")

    async def refresh_balances(self, account: str, connector: str, _: Metadata) -> BalancesRead:
        balances = self.balances[f"{account}.{connector}"]
        return BalancesRead(account=account, connector=connector, balances=balances, version=self.version)

    async def rates(self, tokens: Sequence[str], _: str, __: Metadata) -> Mapping[str, Decimal | None]:
        self.rates_asked += 1
        if self.rates_failure is not None:
            raise self.rates_failure
        return {token: self.known_rates.get(token) for token in tokens}


def make_log(database_url: str) -> EventLog:
    """The log as `app.build` composes it."""
    return EventLog(
        database_url,
        context="accounts",
        views=(AccountsView(), CredentialsView()),
        tables=(vault.METADATA, portfolio.METADATA, prices.METADATA, history.METADATA),
        migrations=migrations.DIRECTORY,
    )
