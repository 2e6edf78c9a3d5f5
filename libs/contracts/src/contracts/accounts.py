"""Accounts and their exchange credentials; the portfolio.

Aggregate `account` (stream `accounts.account-<name>`). Secrets are never in an event: events carry a credential's version, the
vault holds its ciphertext. Answers with `sealed` are ciphertext under the transport key (service_kit.sealing).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from contracts.message import Command, Event, Query, Reply, Secret, Time, Token
from contracts.rejections import Kind, Rejection

MASTER_ACCOUNT = "master_account"


class _Account:
    context: ClassVar[str] = "accounts"
    noun: ClassVar[str] = "account"


class _Portfolio:
    context: ClassVar[str] = "accounts"
    noun: ClassVar[str] = "portfolio"


# commands


class CreateAccount(_Account, Command):
    """Create an account. Refused: AccountExists, AccountNameInvalid."""

    account: str


class DeleteAccount(_Account, Command):
    """Delete an account with its credentials. Refused: AccountUnknown, AccountProtected, OrdersOpen unless `force`."""

    account: str
    force: bool = False


class AddCredential(_Account, Command):
    """Add or replace the credential of one connector, proved against the exchange first.

    `values` are the fields of the connector's config map; JSON scalars become text. Commands are never stored, and a Secret
    shows in no repr or log. Refused: AccountUnknown, ConnectorUnknown, CredentialFieldInvalid (names the field),
    CredentialRefused (the exchange's reason). Unavailable: exchange unreachable.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    account: str
    connector: str
    values: dict[str, Secret]


class DeleteCredential(_Account, Command):
    """Delete a connector's credential; accepted when there is none. Refused: AccountUnknown, OrdersOpen unless `force`."""

    account: str
    connector: str
    force: bool = False


class RefreshPortfolio(_Portfolio, Command):
    """Re-read balances of the matching running sessions from their exchanges; None means all."""

    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None


class AccountChanged(Reply):
    """The account's version after an accepted command."""

    account: str
    version: int


class PortfolioRefreshed(Reply):
    """Which `account.connector` sessions were re-read, and which could not be, with the reason."""

    refreshed: tuple[str, ...]
    failed: dict[str, str]


# events


class AccountCreated(_Account, Event):
    """The account exists."""

    account: Token


class AccountDeleted(_Account, Event):
    """The account and all its credentials are gone; its history stays."""

    account: Token


class CredentialAdded(_Account, Event):
    """A proved credential for a connector that had none. `credential_version` grows with every change of this account."""

    account: Token
    connector: Token
    credential_version: int = Field(ge=1)


class CredentialReplaced(_Account, Event):
    """A proved credential took the place of another."""

    account: Token
    connector: Token
    credential_version: int = Field(ge=1)


class CredentialDeleted(_Account, Event):
    """The connector's credential is gone from the vault."""

    account: Token
    connector: Token


AccountEvent = AccountCreated | AccountDeleted | CredentialAdded | CredentialReplaced | CredentialDeleted


# queries


class ListAccounts(_Account, Query):
    """-> JSON list of account names, master_account first, then by name."""


class ListCredentials(_Account, Query):
    """-> JSON list of connector names. Refused: AccountUnknown, AccountNameInvalid."""

    account: str


class RevealCredential(_Account, Query):
    """-> `{"credential_version": int, "sealed": str}` for a trading session; only trading may ask (NATS permissions)."""

    account: Token
    connector: Token


class GetPortfolioState(_Portfolio, Query):
    """-> contract 8.4 `{account: {connector: [{token, units, price, value, available_units}]}}`; unknown names are left out."""

    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None


class GetPortfolioHistory(_Portfolio, Query):
    """-> contract 8.4 history page, newest first. Refused: CursorInvalid."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    interval: str = "5m"


class GetPortfolioDistribution(_Portfolio, Query):
    """-> contract 8.4 token distribution, one shape for any number of accounts."""

    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None


class GetAccountsDistribution(_Portfolio, Query):
    """-> contract 8.4 distribution over accounts."""


# rejections


class AccountExists(Rejection):
    """An account of this name exists (400 in the contract)."""

    kind = Kind.INVALID


class AccountNameInvalid(Rejection):
    """The name is not `[A-Za-z0-9_-]{1,64}`."""

    kind = Kind.INVALID


class AccountUnknown(Rejection):
    """No account of this name."""

    kind = Kind.NOT_FOUND


class AccountProtected(Rejection):
    """`master_account` cannot be deleted (400 in the contract)."""

    kind = Kind.INVALID


class ConnectorUnknown(Rejection):
    """The engine has no connector of this name (400: credentials)."""

    kind = Kind.INVALID


class CredentialFieldInvalid(Rejection):
    """A credential field is unknown, missing or empty; names it."""

    kind = Kind.INVALID


class CredentialRefused(Rejection):
    """The exchange refused the credential, with its reason; nothing was stored."""

    kind = Kind.INVALID


class CredentialUnknown(Rejection):
    """The account has no credential for this connector."""

    kind = Kind.NOT_FOUND


class HistoryIntervalUnknown(Rejection):
    """The history interval is none of 5m, 15m, 30m, 1h, 4h, 12h, 1d."""

    kind = Kind.INVALID


class OrdersOpen(Rejection):
    """Orders are open on the session and the command was not forced."""

    kind = Kind.CONFLICT
