"""Aggregate `account`: an account and the versions of its credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar, assert_never

from contracts.accounts import (
    MASTER_ACCOUNT,
    AccountCreated,
    AccountDeleted,
    AccountEvent,
    AccountExists,
    AccountNameInvalid,
    AccountProtected,
    AccountUnknown,
    CreateAccount,
    CredentialAdded,
    CredentialDeleted,
    CredentialReplaced,
    DeleteAccount,
    DeleteCredential,
)
from contracts.message import TOKEN, Command
from contracts.naming import stream_id
from eventlog.decider import Decider


class StoreCredential(Command):
    """Store a credential the exchange has accepted: what AddCredential becomes once its keys are proved.

    Internal: it never crosses the bus, and carries no secret. Refused: AccountNameInvalid, AccountUnknown.
    """

    context: ClassVar[str] = "accounts"
    noun: ClassVar[str] = "account"

    account: str
    connector: str


type AccountCommand = CreateAccount | DeleteAccount | StoreCredential | DeleteCredential


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `credentials` maps a connector to its credential's version; versions are never used twice."""

    exists: bool = False
    credentials: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    last_credential_version: int = 0


def checked_name(account: str) -> str:
    """`account` when it is a lawful name; raises AccountNameInvalid, whether or not such an account exists."""
    if not TOKEN.fullmatch(account):
        detail = f"Account name {account!r} is not 1 to 64 letters, digits, underscores or hyphens."
        raise AccountNameInvalid(detail, field="account_name")
    return account


def account_stream(account: str) -> str:
    """The log stream of an account; raises AccountNameInvalid."""
    return stream_id("accounts", "account", checked_name(account))


def decide(state: Account, command: AccountCommand) -> Sequence[AccountEvent]:
    """The events a command leads to; raises the rejections its class names."""
    account = checked_name(command.account)
    match command:
        case CreateAccount():
            return _create(state, account)
        case DeleteAccount():
            return _delete(state, account)
        case StoreCredential(connector=connector):
            return _store(existing(state, account), account, connector)
        case DeleteCredential(connector=connector):
            if connector not in existing(state, account).credentials:
                return ()
            return (CredentialDeleted(account=account, connector=connector),)
        case _:
            assert_never(command)


def evolve(state: Account, event: AccountEvent) -> Account:
    """The account after one of its events."""
    match event:
        case AccountCreated():
            return replace(state, exists=True)
        case AccountDeleted():
            return Account(last_credential_version=state.last_credential_version)
        case CredentialAdded(connector=connector, credential_version=version):
            return _with_credential(state, connector, version)
        case CredentialReplaced(connector=connector, credential_version=version):
            return _with_credential(state, connector, version)
        case CredentialDeleted(connector=connector):
            kept = {name: version for name, version in state.credentials.items() if name != connector}
            return replace(state, credentials=MappingProxyType(kept))
        case _:
            assert_never(event)


decider: Decider[Account, AccountCommand, AccountEvent] = Decider(initial=Account(), decide=decide, evolve=evolve)
"""The decider of stream `accounts.account-<name>`."""


def existing(state: Account, name: str) -> Account:
    """`state` when the account exists; raises AccountUnknown."""
    if not state.exists:
        detail = f"There is no account {name!r}."
        raise AccountUnknown(detail, field="account_name")
    return state


def _create(state: Account, name: str) -> Sequence[AccountEvent]:
    if state.exists:
        raise AccountExists("Account already exists.", field="account_name")
    return (AccountCreated(account=name),)


def _delete(state: Account, name: str) -> Sequence[AccountEvent]:
    if name == MASTER_ACCOUNT:
        raise AccountProtected("Cannot delete master account.", field="account_name")
    gone = [CredentialDeleted(account=name, connector=connector) for connector in sorted(existing(state, name).credentials)]
    return (*gone, AccountDeleted(account=name))


def _store(state: Account, name: str, connector: str) -> Sequence[AccountEvent]:
    version = state.last_credential_version + 1
    stored = CredentialReplaced if connector in state.credentials else CredentialAdded
    return (stored(account=name, connector=connector, credential_version=version),)


def _with_credential(state: Account, connector: str, version: int) -> Account:
    credentials = MappingProxyType({**state.credentials, connector: version})
    return replace(state, credentials=credentials, last_credential_version=version)
