"""The sessions table: how each session is doing, and since when it may not run."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.trading import SessionFailed, SessionReconciled, SessionReleased, SessionStarted, SessionStopped
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, text

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
