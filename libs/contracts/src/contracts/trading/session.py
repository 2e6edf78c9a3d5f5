"""Aggregate `session` (stream `trading.session-<account>.<connector>`): one live connection of an account to an exchange."""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Amount, Command, Event, Query, Reply, Token


class _Session:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "session"


class ReleaseSession(_Session, Command):
    """Stop a session before its credential is deleted; answers when it has stopped. Refused: OrdersOpen unless `force`."""

    account: Token
    connector: Token
    force: bool = False


class RefreshBalances(_Session, Command):
    """Re-read the session's balances from the exchange. Session subject. The reply follows the BalancesReported event."""

    account: Token
    connector: Token


class SessionState(Reply):
    """`state`: starting, ready, failed, stopped, with the reason where there is one."""

    account: str
    connector: str
    state: str
    reason: str | None = None


class Balance(Reply):
    """One token: `total` includes what open orders lock."""

    token: str
    total: Amount
    available: Amount


class BalancesRead(Reply):
    """The session's balances after a refresh, as in the event.

    `version` is the session stream's version when they were read: newer than every BalancesReported up to it. 0: not known.
    """

    account: str
    connector: str
    balances: tuple[Balance, ...]
    version: int = 0


class SessionStarted(_Session, Event):
    """A replica took the lease and began to connect with this credential version."""

    account: Token
    connector: Token
    credential_version: int
    holder: str


class SessionReconciled(_Session, Event):
    """Orders, fills and balances were compared with the exchange; orders may be placed."""

    account: Token
    connector: Token
    orders_checked: int
    fills_recovered: int
    external_orders: int


class SessionFailed(_Session, Event):
    """The session could not start or lost its exchange; it is retried with backoff."""

    account: Token
    connector: Token
    reason: str


class SessionReleased(_Session, Event):
    """The session is to stop: its credential is about to be deleted."""

    account: Token
    connector: Token


class SessionStopped(_Session, Event):
    """The holder stopped the session gracefully."""

    account: Token
    connector: Token
    reason: str


class BalancesReported(_Session, Event):
    """All balances of the session that are not zero, whenever one changed."""

    account: Token
    connector: Token
    balances: tuple[Balance, ...]


SessionEvent = SessionStarted | SessionReconciled | SessionFailed | SessionReleased | SessionStopped | BalancesReported


class GetSession(_Session, Query):
    """-> SessionState. Refused: AccountUnknown, CredentialUnknown. Served by any replica, whoever holds the session."""

    account: str
    connector: str
