"""Flattening an account: everything it has going is ended, and what could not be is told."""

from __future__ import annotations

from typing import ClassVar

from contracts.message import Amount, Command, Reply, Token
from contracts.trading.order import Side


class _Risk:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "risk"


class FlattenAccount(_Risk, Command):
    """Stop the account's executors, cancel its open orders and close its positions; all, or those of a connector or pair.

    Spot balances are left as they are, but for what executors bought or sold. Refused: AccountUnknown, CredentialUnknown. What
    could not be done does not refuse it. The same command again closes nothing twice.
    """

    account: Token
    connector: Token | None = None
    trading_pair: str | None = None


class ClosePositions(_Risk, Command):
    """Close a session's positions by market orders that can only reduce. Session subject; a spot session has none."""

    account: Token
    connector: Token
    trading_pair: str | None = None


class ClosedPosition(Reply):
    """A position that is closed, or a part of one; `side` and `amount` are those of the order that closed it."""

    connector_name: str
    trading_pair: str
    side: Side
    amount: Amount
    order_id: str


class NotDone(Reply):
    """Something that stays, and why."""

    connector_name: str | None
    what: str
    reason: str


class PositionsClosed(Reply):
    """What became of a session's positions."""

    closed: tuple[ClosedPosition, ...]
    not_done: tuple[NotDone, ...]


class AccountFlattened(Reply):
    """What was ended: executors and orders by id, positions. Nothing is left of what was asked for if `not_done` is empty."""

    account_name: str
    executors_stopped: tuple[str, ...]
    orders_cancelled: tuple[str, ...]
    positions_closed: tuple[ClosedPosition, ...]
    not_done: tuple[NotDone, ...]
