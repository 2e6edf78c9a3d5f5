"""Positions of a derivatives session: what the exchange holds for the account, in which mode, with which leverage.

Their events are facts about the session and stand in its stream (`trading.session-<account>.<connector>`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.message import Amount, Command, Event, Query, Reply, Time, Token
from contracts.rejections import Kind, Rejection

PERPETUAL = "_perpetual"
"""What the name of every derivatives connector holds."""


class _Session:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "session"


class _Position:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "position"


class PositionSide(StrEnum):
    """The side of a position. In one-way mode it follows from the amount's sign; in hedge mode both may be open."""

    LONG = "LONG"
    SHORT = "SHORT"


class PositionMode(StrEnum):
    """ONEWAY: one position a pair. HEDGE: a long and a short one beside each other. It belongs to the whole account."""

    ONEWAY = "ONEWAY"
    HEDGE = "HEDGE"


class Position(Reply):
    """An open position as the exchange tells it. `amount` is in the base token, negative when short.

    `entry_price` is the average; `unrealized_pnl` is at the mark price, and it and `margin` (the position's initial margin) are
    in the margin's token. `changed_at` is when the exchange last changed it, where it tells.
    """

    trading_pair: str
    side: PositionSide
    amount: Amount
    entry_price: Amount | None = None
    unrealized_pnl: Amount | None = None
    leverage: Amount | None = None
    margin: Amount | None = None
    changed_at: Time | None = None


class ReadPositions(_Session, Command):
    """Ask the exchange for the session's positions now. Session subject. Refused: NotPerpetual."""

    account: Token
    connector: Token


class PositionsRead(Reply):
    """All open positions of the session, by pair and side, with the mark price's unrealised profit of this moment."""

    account: str
    connector: str
    positions: tuple[Position, ...]


class ReadPositionMode(_Session, Command):
    """The mode the session writes its orders in. Session subject; asks nobody. Refused: NotPerpetual."""

    account: Token
    connector: Token


class PositionModeRead(Reply):
    """None: the exchange has not told it."""

    position_mode: PositionMode | None


class SetPositionMode(_Session, Command):
    """Change the account's position mode on the exchange, and answer when that has done it.

    Session subject. Refused: NotPerpetual, PositionModeUnsupported, SettingRefused (the exchange's reason). Unavailable: the
    outcome is not known; the same command again is safe.
    """

    account: Token
    connector: Token
    position_mode: PositionMode


class SetLeverage(_Session, Command):
    """Change the leverage of a pair on the exchange, and answer when that has done it.

    Session subject. Refused: NotPerpetual, TradingPairUnknown, SettingRefused (the exchange's reason). Unavailable: the outcome
    is not known; the same command again is safe.
    """

    account: Token
    connector: Token
    trading_pair: str
    leverage: int = Field(ge=1, le=125)


class SettingDone(Reply):
    """The exchange has the setting."""

    account: str
    connector: str


class PositionsReported(_Session, Event):
    """All open positions of the session, when an amount, entry price, side or leverage changed. Mark prices alone do not."""

    account: Token
    connector: Token
    positions: tuple[Position, ...]


class PositionModeSet(_Session, Event):
    """The actor chose the mode, and the exchange has it. Nothing puts it back when it is changed elsewhere."""

    account: Token
    connector: Token
    position_mode: PositionMode


class LeverageSet(_Session, Event):
    """The actor chose the leverage of a pair, and the exchange has it."""

    account: Token
    connector: Token
    trading_pair: str
    leverage: int


PositionEvent = PositionsReported | PositionModeSet | LeverageSet


class GetPositions(_Position, Query):
    """-> `{"page": P1 page of positions (contract 8.5), "last_known": ["account.connector", ...]}`.

    Sorted by account, connector, pair and side. The holders of the sessions are asked for this moment's figures; of those in
    `last_known`, that did not answer in time, the page has what they last reported.
    """

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None


class NotPerpetual(Rejection):
    """The connector trades no positions."""

    kind = Kind.INVALID


class PositionModeUnsupported(Rejection):
    """The connector knows no such position mode; the detail lists those it knows."""

    kind = Kind.INVALID


class SettingRefused(Rejection):
    """The exchange did not change the mode or leverage; the detail is its reason."""

    kind = Kind.INVALID
