"""Which accounts and credentials exist: a foreign view of accounts' events. It is the desired state of the sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts import naming
from contracts.accounts import AccountCreated, AccountDeleted, CredentialAdded, CredentialDeleted, CredentialReplaced
from eventlog.statements import Statement, Write
from service_kit.received import Received
from sqlalchemy import Column, Integer, MetaData, Table, Text, text

metadata = MetaData()

accounts = Table("known_accounts", metadata, Column("account", Text, primary_key=True))
credentials = Table(
    "credentials",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("credential_version", Integer, nullable=False),
)

_ACCOUNT = Statement(text("INSERT INTO known_accounts (account) VALUES (:account) ON CONFLICT DO NOTHING"))
_NO_ACCOUNT = Statement(text("DELETE FROM known_accounts WHERE account = :account"))
_NO_CREDENTIALS = Statement(text("DELETE FROM credentials WHERE account = :account"))
_CREDENTIAL = Statement(
    text(
        """INSERT INTO credentials (account, connector, credential_version) VALUES (:account, :connector, :credential_version)
        ON CONFLICT (account, connector) DO UPDATE SET credential_version = excluded.credential_version"""
    )
)
_NO_CREDENTIAL = Statement(text("DELETE FROM credentials WHERE account = :account AND connector = :connector"))


class CredentialsView:
    """Projects accounts' events, in the order of accounts' log."""

    name = "credentials"
    context = "accounts"
    subjects: Sequence[str] = (naming.noun_events("accounts", "account"),)
    metadata = metadata

    def project(self, received: Received) -> Iterable[Write]:
        """The writes of one event."""
        event = received.event
        match event:
            case AccountCreated():
                yield _ACCOUNT.bind(account=event.account)
            case AccountDeleted():
                yield _NO_CREDENTIALS.bind(account=event.account)
                yield _NO_ACCOUNT.bind(account=event.account)
            case CredentialAdded() | CredentialReplaced():
                version = event.credential_version
                yield _CREDENTIAL.bind(account=event.account, connector=event.connector, credential_version=version)
            case CredentialDeleted():
                yield _NO_CREDENTIAL.bind(account=event.account, connector=event.connector)
            case _:
                return
