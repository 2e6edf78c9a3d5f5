"""Aggregate `executor` (stream `trading.executor-<executor id>`): a strategy of the engine that places orders until it closes.

The executor's own class of the engine decides; what it decided, with the state it decided in, is stored before an order goes
out (`ExecutorProgressed`), so that any replica can take it up where it stood.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field, JsonValue

from contracts.message import Amount, Command, Event, Reply, Time, Token
from contracts.rejections import Kind, Rejection
from contracts.trading.order import Side


class ExecutorType(StrEnum):
    """The engine's executors."""

    POSITION = "position_executor"
    GRID = "grid_executor"
    DCA = "dca_executor"
    ARBITRAGE = "arbitrage_executor"
    TWAP = "twap_executor"
    XEMM = "xemm_executor"
    ORDER = "order_executor"
    LP = "lp_executor"


class ExecutorStatus(StrEnum):
    """How far an executor is, in the engine's words."""

    NOT_STARTED = "NOT_STARTED"
    RUNNING = "RUNNING"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    TERMINATED = "TERMINATED"


class CloseType(StrEnum):
    """Why an executor ended, in the engine's words."""

    TIME_LIMIT = "TIME_LIMIT"
    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    EXPIRED = "EXPIRED"
    EARLY_STOP = "EARLY_STOP"
    TRAILING_STOP = "TRAILING_STOP"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    FAILED = "FAILED"
    COMPLETED = "COMPLETED"
    POSITION_HOLD = "POSITION_HOLD"


class _Executor:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "executor"


class CreateExecutor(_Executor, Command):
    """Start an executor. Served by any replica; the one that holds the session of its first market runs it.

    `executor_config` is the engine's configuration with its `type`; numbers may be text. Its `id`, when given, becomes the
    executor's id; its `controller_id` gives way to the command's. A `leverage` that it names is set on a perpetual market
    before the first order; one that the exchange refuses ends the executor. Refused: AccountUnknown, CredentialUnknown,
    ExecutorConfigInvalid (names the field), ExecutorTypeUnknown, TradingPairUnknown, ExecutorIdUsed. Unavailable: a session
    it needs is not ready, or an `lp_executor` without a DEX Gateway.
    """

    account: Token
    executor_config: dict[str, JsonValue]
    controller_id: Token = "main"


class ExecutorAccepted(Reply):
    """The executor is stored. `connector_name` and `trading_pair` are those of its first market."""

    executor_id: str
    executor_type: ExecutorType
    connector_name: str
    trading_pair: str
    controller_id: str
    status: ExecutorStatus
    created_at: Time


class StopExecutor(_Executor, Command):
    """Ask an executor to end: close what it opened, or keep it as a position hold. Refused: ExecutorUnknown, ExecutorNotActive.

    Any replica takes the wish; the one that runs the executor carries it out.
    """

    executor_id: str
    keep_position: bool = False


class ExecutorStopping(Reply):
    """The wish is stored."""

    executor_id: str
    status: str = "stopping"
    keep_position: bool


class Market(Reply):
    """A trading pair on a connector."""

    connector: Token
    trading_pair: str


class ExecutorFill(Reply):
    """What one of an executor's orders has executed: `quote` is the sum of price times amount, `fee` is in quote."""

    order_id: Token
    connector: Token
    trading_pair: str
    side: Side
    amount: Amount
    quote: Amount
    fee: Amount


class ExecutorCreated(_Executor, Event):
    """The executor is to run. `config` is complete, as the engine validated it; its first market's session is its home.

    `leverage` is set on a perpetual home before the first order; None keeps what is set there.
    """

    executor_id: Token
    executor_type: ExecutorType
    account: Token
    controller_id: Token
    markets: tuple[Market, ...] = Field(min_length=1)
    config: dict[str, JsonValue]
    leverage: int | None = None
    time: Time


class ExecutorStarted(_Executor, Event):
    """A replica runs it for the first time."""

    executor_id: Token
    holder: str
    time: Time


class ExecutorProgressed(_Executor, Event):
    """The executor's own state changed. Stored before the orders in `placing` are placed.

    `state` is what its class needs to go on (orders by id and role, levels, triggers, counters); `seen` tells for each order
    how much of it the executor has been told. `figures` are its own net_pnl_quote, net_pnl_pct, cum_fees_quote and
    filled_amount_quote at that moment.
    """

    executor_id: Token
    status: ExecutorStatus
    state: dict[str, JsonValue]
    placing: tuple[Token, ...] = ()
    seen: dict[str, JsonValue] = Field(default_factory=dict)
    figures: dict[str, Amount] = Field(default_factory=dict)


class ExecutorResumed(_Executor, Event):
    """A replica took the executor up again where it stood: orders it adopted, and fills that happened meanwhile."""

    executor_id: Token
    holder: str
    orders_adopted: int
    fills_recovered: int
    time: Time


class ExecutorStopRequested(_Executor, Event):
    """Somebody wants the executor to end."""

    executor_id: Token
    keep_position: bool
    reason: str
    time: Time


class ExecutorStopFailed(_Executor, Event):
    """It could not end as wanted and something stays open; `exposure` are the fills that nothing closed yet."""

    executor_id: Token
    reason: str
    exposure: tuple[ExecutorFill, ...] = ()
    time: Time


class ExecutorFaltered(_Executor, Event):
    """Something keeps it from going on, such as an error of its class or a market without a price; it is tried again.

    `exposure` is told when nobody can run it: the fills of all its orders so far.
    """

    executor_id: Token
    reason: str
    exposure: tuple[ExecutorFill, ...] = ()
    time: Time


class ExecutorFeeConverted(_Executor, Event):
    """The fee of an execution was in a token that is neither base nor quote: in quote it is its amount times `rate`, always."""

    executor_id: Token
    order_id: Token
    trade_id: str
    token: str
    quote_token: str
    rate: Amount
    time: Time


class ExecutorClosed(_Executor, Event):
    """The executor ended and none of its orders is open. `held`: the fills of a position that was kept."""

    executor_id: Token
    close_type: CloseType
    net_pnl_quote: Amount
    net_pnl_pct: Amount
    cum_fees_quote: Amount
    filled_amount_quote: Amount
    held: tuple[ExecutorFill, ...] = ()
    custom_info: dict[str, JsonValue] = Field(default_factory=dict)
    reason: str | None = None
    time: Time


class ExecutorReopened(_Executor, Event):
    """One of its orders lives, or has executed more, than was known when it was closed: that end is taken back.

    `orders` are those; the other fields are those of the end that is taken back, `kept`: it had held something. It goes on as
    SHUTTING_DOWN, without its class, until ExecutorClosed tells what is true with these orders.
    """

    executor_id: Token
    orders: tuple[Token, ...]
    close_type: CloseType
    net_pnl_quote: Amount
    net_pnl_pct: Amount
    cum_fees_quote: Amount
    filled_amount_quote: Amount
    kept: bool
    reason: str
    time: Time


ExecutorEvent = (
    ExecutorCreated
    | ExecutorStarted
    | ExecutorProgressed
    | ExecutorResumed
    | ExecutorStopRequested
    | ExecutorStopFailed
    | ExecutorFaltered
    | ExecutorFeeConverted
    | ExecutorClosed
    | ExecutorReopened
)


class ExecutorTypeUnknown(Rejection):
    """No executor of this type."""

    kind = Kind.INVALID


class ExecutorTypeNotFound(Rejection):
    """No executor of this type (404: the routes of types)."""

    kind = Kind.NOT_FOUND


class ExecutorConfigInvalid(Rejection):
    """The engine refuses the configuration; names the field and the rule."""

    kind = Kind.INVALID


class ExecutorIdUsed(Rejection):
    """An executor with this id exists, with another configuration."""

    kind = Kind.CONFLICT


class ExecutorUnknown(Rejection):
    """No executor of this id."""

    kind = Kind.NOT_FOUND


class ExecutorNotActive(Rejection):
    """The executor has ended."""

    kind = Kind.NOT_FOUND
