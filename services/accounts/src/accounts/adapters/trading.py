"""The trading service, asked over the bus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from contracts.message import Metadata
from contracts.naming import session_command_subject
from contracts.rejections import Unavailable
from contracts.trading import (
    ActiveOrders,
    BalancesRead,
    CredentialProved,
    GetConfigMap,
    GetRates,
    GetSession,
    ProveCredential,
    RefreshBalances,
    ReleaseSession,
    SessionState,
)
from pydantic import SecretStr
from service_kit.bus import Bus, InternalError, NoResponders
from service_kit.sealing import Sealer

PROVE = "prove"
"""The purpose that credentials are sealed for when they are to be proved."""
RATES_SECONDS = 4.0
"""Rates have a fallback; a portfolio is not to wait long for them."""
PROVE_SECONDS = 45.0
"""A first login loads the exchange's symbols and rules."""
RELEASE_SECONDS = 30.0
REFRESH_SECONDS = 12.0


class TradingClient:
    """Commands and queries to trading. Raises its rejections, and Unavailable when it does not answer."""

    def __init__(self, bus: Bus, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    async def config_map(self, connector: str, metadata: Metadata) -> Mapping[str, Mapping[str, Any]]:
        """The connector's credential fields (contract 8.3)."""
        answer: dict[str, dict[str, Any]] = json.loads(
            await self._bus.query(GetConfigMap(connector=connector), metadata.caused())
        )
        return answer

    async def prove(self, connector: str, fields: Mapping[str, SecretStr], metadata: Metadata) -> None:
        """Log in to the exchange with these fields, once."""
        sealed = self._sealer.seal({name: value.get_secret_value() for name, value in fields.items()}, purpose=PROVE)
        command = ProveCredential(connector=connector, sealed=sealed)
        await self._bus.command(command, CredentialProved, metadata.caused(), timeout=PROVE_SECONDS)

    async def has_open_orders(self, account: str, metadata: Metadata) -> bool:
        """Whether any session of the account has an order that is not in a terminal state."""
        page = json.loads(await self._bus.query(ActiveOrders(limit=1, account_names=(account,)), metadata.caused()))
        return bool(page["data"])

    async def release(self, account: str, connector: str, metadata: Metadata, *, force: bool) -> None:
        """Stop the session and wait until it has stopped."""
        command = ReleaseSession(account=account, connector=connector, force=force)
        await self._bus.command(command, SessionState, metadata.caused(), timeout=RELEASE_SECONDS)

    async def refresh_balances(self, account: str, connector: str, metadata: Metadata) -> BalancesRead:
        """The session's balances, read from its exchange now."""
        command = RefreshBalances(account=account, connector=connector)
        subject = session_command_subject(account, connector, RefreshBalances)
        try:
            return await self._bus.command(command, BalancesRead, metadata.caused(), subject=subject, timeout=REFRESH_SECONDS)
        except NoResponders as error:
            raise await self._why_no_session(account, connector, metadata) from error
        except InternalError as error:
            raise Unavailable(str(error)) from error

    async def rates(self, tokens: Sequence[str], quote_token: str, metadata: Metadata) -> Mapping[str, Decimal | None]:
        """The price of each token in the quote token, None where no exchange tells."""
        query = GetRates(tokens=tuple(tokens), quote_token=quote_token)
        try:
            answer = json.loads(await self._bus.query(query, metadata.caused(), timeout=RATES_SECONDS))
        except InternalError as error:
            raise Unavailable(str(error)) from error
        return {token: _price(text) for token, text in answer["rates"].items()}

    async def _why_no_session(self, account: str, connector: str, metadata: Metadata) -> Unavailable:
        answer = await self._bus.query(GetSession(account=account, connector=connector), metadata.caused())
        session = SessionState.model_validate_json(answer)
        reason = f": {session.reason}" if session.reason else ""
        return Unavailable(f"The session of {account} on {connector} is {session.state}{reason}")


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        return None
    return price if price.is_finite() and price > 0 else None
