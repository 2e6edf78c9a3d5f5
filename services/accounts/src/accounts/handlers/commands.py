"""Commands on accounts and their credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from contracts.accounts import (
    MASTER_ACCOUNT,
    AccountChanged,
    AccountEvent,
    AccountExists,
    AddCredential,
    ConnectorUnknown,
    CreateAccount,
    CredentialAdded,
    CredentialDeleted,
    CredentialReplaced,
    DeleteAccount,
    DeleteCredential,
    OrdersOpen,
)
from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.trading import ConnectorNotFound
from eventlog.errors import GuardFailed
from eventlog.execute import execute, load
from eventlog.log import EventLog
from eventlog.statements import Write
from pydantic import SecretStr

from accounts.adapters.vault import Vault
from accounts.domain.account import Account, AccountCommand, StoreCredential, account_stream, decider, existing
from accounts.domain.credential import FieldRule, checked_fields, redacted
from accounts.views.portfolio import forgotten

ATTEMPTS = 5
"""How often a command is carried out anew because the vault's key was changed meanwhile."""


class Trading(Protocol):
    """What credentials need of trading. All raise Unavailable when it, or the exchange, does not answer."""

    async def config_map(self, connector: str, metadata: Metadata) -> Mapping[str, Mapping[str, Any]]:
        """The connector's fields (contract 8.3); raises ConnectorNotFound."""
        ...

    async def prove(self, connector: str, fields: Mapping[str, SecretStr], metadata: Metadata) -> None:
        """Log in to the exchange once; raises CredentialRefused, CredentialFieldInvalid, ConnectorUnknown."""
        ...

    async def has_open_orders(self, account: str, metadata: Metadata) -> bool:
        """Whether any session of the account has an order that is not in a terminal state."""
        ...

    async def release(self, account: str, connector: str, metadata: Metadata, *, force: bool) -> None:
        """Stop the session; returns when it has stopped. Raises OrdersOpen unless forced."""
        ...


class Commands:
    """The handlers of all commands on the aggregate `account`."""

    def __init__(self, log: EventLog, vault: Vault, trading: Trading) -> None:
        self._log = log
        self._vault = vault
        self._trading = trading

    async def ensure_master_account(self) -> None:
        """Create `master_account` where it is missing."""
        try:
            await self._execute(CreateAccount(account=MASTER_ACCOUNT), Metadata())
        except AccountExists:
            return

    async def create_account(self, command: CreateAccount, metadata: Metadata) -> AccountChanged:
        """Create an account without credentials."""
        return await self._execute(command, metadata)

    async def delete_account(self, command: DeleteAccount, metadata: Metadata) -> AccountChanged:
        """Stop the account's sessions, then delete it with its credentials; nothing is stopped if any order is open."""
        account = await self._load(command.account)
        if account.exists and command.account != MASTER_ACCOUNT and account.credentials:
            if not command.force and await self._trading.has_open_orders(command.account, metadata):
                raise OrdersOpen(f"Account {command.account!r} has open orders; cancel them or force the deletion.")
            releases = (
                self._trading.release(command.account, connector, metadata, force=command.force)
                for connector in account.credentials
            )
            await asyncio.gather(*releases)
        return await self._execute(command, metadata)

    async def add_credential(self, command: AddCredential, metadata: Metadata) -> AccountChanged:
        """Check the fields, prove them to the exchange, then store them; the former credential works until then."""
        existing(await self._load(command.account), command.account)
        self._vault.require_unlocked()
        fields = await self._checked(command, metadata)
        await self._prove(command.connector, fields, metadata)
        store = StoreCredential(account=command.account, connector=command.connector)
        return await self._execute(store, metadata, fields)

    async def delete_credential(self, command: DeleteCredential, metadata: Metadata) -> AccountChanged:
        """Stop the session, then delete its credential; nothing happens where there is none."""
        account = existing(await self._load(command.account), command.account)
        if command.connector in account.credentials:
            await self._trading.release(command.account, command.connector, metadata, force=command.force)
        return await self._execute(command, metadata)

    async def _load(self, account: str) -> Account:
        state, _ = await load(self._log, decider, account_stream(account))
        return state

    async def _checked(self, command: AddCredential, metadata: Metadata) -> dict[str, SecretStr]:
        try:
            config_map = await self._trading.config_map(command.connector, metadata)
        except ConnectorNotFound as error:
            raise ConnectorUnknown(error.detail, field="connector_name") from error
        rules = {
            name: FieldRule(rule["type"], rule["required"], tuple(map(str, rule.get("allowed_values", ()))))
            for name, rule in config_map.items()
        }
        values = {name: value.get_secret_value() for name, value in command.values.items()}
        checked = checked_fields(command.connector, values, rules)
        return {name: SecretStr(value) for name, value in checked.items()}

    async def _prove(self, connector: str, fields: Mapping[str, SecretStr], metadata: Metadata) -> None:
        secrets = [value.get_secret_value() for value in fields.values()]
        try:
            await self._trading.prove(connector, fields, metadata)
        except (Rejection, Unavailable) as refusal:
            # Exchanges quote the key they refuse.
            refusal.detail = redacted(refusal.detail, secrets)
            refusal.args = (refusal.detail,)
            raise refusal from None

    async def _execute(
        self, command: AccountCommand, metadata: Metadata, fields: Mapping[str, SecretStr] | None = None
    ) -> AccountChanged:
        def writes(_: Account, events: Sequence[AccountEvent]) -> list[Write]:
            return [write for event in events for write in self._writes(event, fields or {})]

        stream = account_stream(command.account)
        for _ in range(ATTEMPTS):
            try:
                executed = await execute(self._log, decider, stream, command, metadata, writes=writes)
            except GuardFailed:
                # The config password was rotated while this credential was on its way; nothing was stored.
                await self._vault.refresh(self._log)
            else:
                return AccountChanged(account=command.account, version=executed.version)
        raise Unavailable("The vault's key is being changed")

    def _writes(self, event: AccountEvent, fields: Mapping[str, SecretStr]) -> tuple[Write, ...]:
        """What the vault and the portfolio do in the event's own transaction."""
        match event:
            case CredentialAdded() | CredentialReplaced():
                return self._vault.put(event.account, event.connector, event.credential_version, fields)
            case CredentialDeleted():
                return (
                    self._vault.remove(event.account, event.connector),
                    forgotten(event.account, event.connector),
                )
            case _:
                return ()
