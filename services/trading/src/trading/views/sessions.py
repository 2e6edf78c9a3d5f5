"""The sessions table: how each session is doing, and since when it may not run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contracts.accounts import AccountUnknown, CredentialUnknown
from contracts.trading import (
    GetSession,
    SessionFailed,
    SessionReconciled,
    SessionReleased,
    SessionStarted,
    SessionState,
    SessionStopped,
)
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, text

from trading.views.paging import Rows

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("credential_version", Integer, nullable=False, server_default="0"),
    Column("holder", Text),
    Column("released_at", DateTime(timezone=True)),
    Column("first_started_at", DateTime(timezone=True)),
    Column("reconciled_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

_STARTED = Statement(
    text(
        """INSERT INTO sessions (account, connector, state, credential_version, holder, first_started_at, updated_at)
        VALUES (:account, :connector, 'starting', :credential_version, :holder, :at, :at)
        ON CONFLICT (account, connector) DO UPDATE SET state = 'starting', reason = NULL, holder = excluded.holder,
            credential_version = excluded.credential_version, released_at = NULL,
            first_started_at = coalesce(sessions.first_started_at, excluded.first_started_at),
            updated_at = excluded.updated_at"""
    )
)
_RECONCILED = Statement(
    text(
        """UPDATE sessions SET state = 'ready', reason = NULL, reconciled_at = :at, updated_at = :at
        WHERE account = :account AND connector = :connector"""
    )
)
_STATE = Statement(
    text(
        """INSERT INTO sessions (account, connector, state, reason, updated_at)
        VALUES (:account, :connector, :state, :reason, :at)
        ON CONFLICT (account, connector) DO UPDATE SET state = excluded.state, reason = excluded.reason,
            updated_at = excluded.updated_at"""
    )
)
_RELEASED = Statement(
    text(
        """INSERT INTO sessions (account, connector, state, released_at, updated_at)
        VALUES (:account, :connector, 'stopped', :at, :at)
        ON CONFLICT (account, connector) DO UPDATE SET released_at = excluded.released_at, updated_at = excluded.updated_at"""
    )
)


class SessionsView:
    """Projects the life of sessions; balances are not here but in the portfolio."""

    name = "sessions"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """The writes of one event; none for orders and balances."""
        event, at = recorded.event, recorded.recorded_at
        match event:
            case SessionStarted():
                version, holder = event.credential_version, event.holder
                yield _STARTED.bind(
                    account=event.account, connector=event.connector, credential_version=version, holder=holder, at=at
                )
            case SessionReconciled():
                yield _RECONCILED.bind(account=event.account, connector=event.connector, at=at)
            case SessionFailed():
                yield _STATE.bind(account=event.account, connector=event.connector, state="failed", reason=event.reason, at=at)
            case SessionStopped():
                yield _STATE.bind(account=event.account, connector=event.connector, state="stopped", reason=event.reason, at=at)
            case SessionReleased():
                yield _RELEASED.bind(account=event.account, connector=event.connector, at=at)
            case _:
                return


@dataclass(frozen=True, slots=True)
class Desired:
    """A session that should run, on this credential version."""

    account: str
    connector: str
    credential_version: int


async def desired_sessions(rows: Rows, *, grace: float) -> list[Desired]:
    """One session for each credential, but for those released: they wait for a newer credential.

    A release whose deletion did not follow within `grace` seconds is void.
    """
    found = await rows.fetch(
        """SELECT account, connector, c.credential_version FROM credentials c LEFT JOIN sessions s USING (account, connector)
        WHERE s.released_at IS NULL OR s.released_at < now() - make_interval(secs => $1)
            OR c.credential_version > s.credential_version
        ORDER BY account, connector""",
        grace,
    )
    return [Desired(*row) for row in found]


async def session_holders(rows: Rows) -> list[tuple[str, str]]:
    """The account and the holder of each session that runs or starts."""
    found = await rows.fetch("SELECT account, holder FROM sessions WHERE state IN ('ready', 'starting') AND holder IS NOT NULL")
    return [(row["account"], row["holder"]) for row in found]


async def complete_until(rows: Rows, account: str, connector: str) -> datetime | None:
    """Up to when the session's trade history was read completely; None for a session that never ran."""
    found = await rows.fetch(
        "SELECT coalesce(reconciled_at, first_started_at) FROM sessions WHERE account = $1 AND connector = $2",
        account,
        connector,
    )
    return found[0][0] if found else None


async def session_state(rows: Rows, query: GetSession) -> SessionState:
    """How a session is doing. Raises AccountUnknown, CredentialUnknown."""
    account, connector = query.account, query.connector
    found = await rows.fetch(
        """SELECT EXISTS (SELECT FROM known_accounts WHERE account = $1) AS account_known,
            EXISTS (SELECT FROM credentials WHERE account = $1 AND connector = $2) AS credential_known, state, reason
        FROM (SELECT) one LEFT JOIN sessions ON account = $1 AND connector = $2""",
        account,
        connector,
    )
    row = found[0]
    if not row["account_known"]:
        raise AccountUnknown(f"Account '{account}' not found", field="account_name")
    if not row["credential_known"]:
        raise CredentialUnknown(f"Account '{account}' has no credential for {connector}", field="connector_name")
    return SessionState(account=account, connector=connector, state=row["state"] or "starting", reason=row["reason"])
