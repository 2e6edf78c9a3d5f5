"""View: which accounts exist."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.accounts import MASTER_ACCOUNT, AccountCreated, AccountDeleted
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import Column, DateTime, MetaData, Table, Text, bindparam, delete, insert

METADATA = MetaData()

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

_ADD = Statement(insert(ACCOUNTS))
_REMOVE = Statement(delete(ACCOUNTS).where(ACCOUNTS.c.account == bindparam("gone", type_=Text)))


class AccountsView:
    """One row for each account that exists."""

    name = "accounts"
    metadata = METADATA

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """Add a row when an account is created, remove it when it is deleted."""
        match recorded.event:
            case AccountCreated(account=account):
                yield _ADD.bind(account=account, created_at=recorded.recorded_at)
            case AccountDeleted(account=account):
                yield _REMOVE.bind(gone=account)


async def account_names(log: EventLog) -> list[str]:
    """All account names, master_account first, then by name."""
    names: list[str] = [row["account"] for row in await log.fetch("SELECT account FROM accounts")]
    return sorted(names, key=lambda name: (name != MASTER_ACCOUNT, name))


async def account_exists(log: EventLog, account: str) -> bool:
    """Whether there is an account of this name."""
    return bool(await log.fetch("SELECT FROM accounts WHERE account = $1", account))
