"""View: which account has a credential for which connector. It holds versions, never secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.accounts import CredentialAdded, CredentialDeleted, CredentialReplaced
from eventlog.log import EventLog
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, bindparam, delete
from sqlalchemy.dialects.postgresql import insert

METADATA = MetaData()

CREDENTIALS = Table(
    "credentials",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("credential_version", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

_ROW = insert(CREDENTIALS)
_PUT = Statement(
    _ROW.on_conflict_do_update(
        index_elements=["account", "connector"],
        set_={"credential_version": _ROW.excluded.credential_version, "changed_at": _ROW.excluded.changed_at},
    )
)
_REMOVE = Statement(
    delete(CREDENTIALS).where(
        CREDENTIALS.c.account == bindparam("of_account", type_=Text),
        CREDENTIALS.c.connector == bindparam("of_connector", type_=Text),
    )
)

_SESSIONS = """
SELECT account, connector FROM credentials
WHERE ($1::text[] IS NULL OR account = ANY($1)) AND ($2::text[] IS NULL OR connector = ANY($2))
ORDER BY account COLLATE "C", connector COLLATE "C"
"""


class CredentialsView:
    """One row for each credential in the vault."""

    name = "credentials"
    metadata = METADATA

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """Put or remove the row of one account and connector."""
        match recorded.event:
            case (
                CredentialAdded(account=account, connector=connector, credential_version=version)
                | CredentialReplaced(account=account, connector=connector, credential_version=version)
            ):
                yield _PUT.bind(
                    account=account, connector=connector, credential_version=version, changed_at=recorded.recorded_at
                )
            case CredentialDeleted(account=account, connector=connector):
                yield _REMOVE.bind(of_account=account, of_connector=connector)


async def credentialed(
    log: EventLog, accounts: Sequence[str] | None = None, connectors: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """The (account, connector) pairs that have a credential, sorted; None or nothing: no filter."""
    rows = await log.fetch(_SESSIONS, list(accounts or ()) or None, list(connectors or ()) or None)
    return [(row["account"], row["connector"]) for row in rows]
