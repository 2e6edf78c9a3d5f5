"""Position reconciliation: the executions of orders placed here against the exchange's own position.

Its events are facts about the session and stand in its stream (`trading.session-<account>.<connector>`).
Amounts are in the base token, negative when short.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.message import Amount, Event, Query, Time, Token
from contracts.trading.position import PositionSide


class _Session:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "session"


class DifferenceReason(StrEnum):
    """A proven part of a difference. EXTERNAL_TRADE: executions of orders placed elsewhere, which the exchange lists.
    LIQUIDATION, ADL (auto-deleveraging), SETTLEMENT (of a delisted pair): the exchange's own orders, as their ids say.
    HELD_BEFORE: the position was last changed before the account was known here.
    """

    EXTERNAL_TRADE = "EXTERNAL_TRADE"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    SETTLEMENT = "SETTLEMENT"
    HELD_BEFORE = "HELD_BEFORE"


class DifferenceStatus(StrEnum):
    """OPEN: it is so. CHANGED: another difference took its place. AGREED: the amounts agreed again."""

    OPEN = "OPEN"
    CHANGED = "CHANGED"
    AGREED = "AGREED"


class PositionDiffered(_Session, Event):
    """The exchange's position is not what the executions of orders placed here add up to; told once for each difference.

    `exchange_amount` = `filled_amount` (orders placed here) + `external_amount` (orders placed elsewhere) + `held_before` +
    what nothing explains. `side` is None for the net position of a pair (one-way mode). `executions` were counted,
    `last_trades` and `external_trades` name the latest. `trades_listed`: the exchange lists the account's executions, and was
    asked for them. `exchange_time` is when the exchange last changed the position, where it tells; `since` when the difference
    was first seen, `read_at` when the amounts told here were read.
    """

    account: Token
    connector: Token
    trading_pair: str
    side: PositionSide | None
    filled_amount: Amount
    external_amount: Amount
    held_before: Amount
    exchange_amount: Amount
    entry_price: Amount | None
    reasons: tuple[DifferenceReason, ...]
    executions: int
    last_trades: tuple[str, ...]
    external_trades: tuple[str, ...]
    trades_listed: bool
    exchange_time: Time | None
    since: Time
    read_at: Time


class PositionAgreed(_Session, Event):
    """A position that differed is again what the executions of orders placed here add up to."""

    account: Token
    connector: Token
    trading_pair: str
    side: PositionSide | None
    amount: Amount
    last_trades: tuple[str, ...]
    read_at: Time


DifferenceEvent = PositionDiffered | PositionAgreed


class GetReconciliation(Query):
    """-> P1 page of differences, open and settled, newest first, keyset cursor, true total:

    `{"difference_id", "account_name", "connector_name", "trading_pair", "side", "status", "filled_amount", "external_amount",
    "held_before", "exchange_amount", "difference", "unexplained", "entry_price", "reasons", "executions", "last_trades",
    "external_trades", "trades_listed", "exchange_time", "since", "read_at", "settled_at"}`; numbers are decimal text.

    Beside `data` and `pagination`, `unknown_orders_count` and `unknown_orders`: the orders whose outcome is not proven
    now, those nothing was heard of the longest first, at most `limit`, whatever cursor and `status`: `{"order_id",
    "account_name", "connector_name", "trading_pair", "trade_type", "order_type", "amount", "price", "filled_amount",
    "exchange_order_id", "executor_id", "acknowledged", "action", "reason", "since", "created_at", "updated_at"}`.
    `acknowledged`: the exchange once told that it has it; `action` (submit or cancel), `reason` and
    `since` are those of OrderOutcomeUnknown.
    """

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "position"

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    trading_pairs: tuple[str, ...] | None = None
    status: DifferenceStatus | None = None
