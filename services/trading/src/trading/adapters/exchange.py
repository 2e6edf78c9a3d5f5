"""What an exchange is asked and what it tells, as plain data: no engine type crosses from here to the handlers.

Amounts are exact Decimals, times aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from contracts.trading import OrderType, PositionAction, PositionSide, Side


class ReportStatus(StrEnum):
    """The state of an order as the exchange tells it. NOT_FOUND: the exchange answered that it has no such order."""

    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class TradingRule:
    """The exchange's rules for one trading pair; None where it sets no limit (the contract shows 1e56 or 1e-56 there)."""

    trading_pair: str
    min_order_size: Decimal
    max_order_size: Decimal | None
    min_price_increment: Decimal
    min_base_amount_increment: Decimal
    min_quote_amount_increment: Decimal | None
    min_notional_size: Decimal
    min_order_value: Decimal
    max_price_significant_digits: Decimal | None
    supports_limit_orders: bool
    supports_market_orders: bool
    buy_order_collateral_token: str
    sell_order_collateral_token: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account holds: signed base amounts, by base token on a spot exchange, by pair on a derivatives one (in hedge
    mode `<pair>:LONG` and `<pair>:SHORT`).
    """

    amounts: Mapping[str, Decimal]
    derivative: bool = False
    hedged: bool = False


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """An order as this service knows it. `exchange_order_id` is None until the exchange acknowledged it."""

    order_id: str
    trading_pair: str
    side: Side
    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    placed_at: datetime
    position_action: PositionAction = PositionAction.OPEN
    exchange_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `order_id` is the client order id, None where the exchange's listing does not carry it; `position_side`
    the hedged position it belonged to, None in one-way mode, on spot, and where the exchange does not tell.
    """

    order_id: str | None
    exchange_order_id: str | None
    trade_id: str
    trading_pair: str
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_token: str | None
    is_maker: bool | None
    time: datetime
    position_side: PositionSide | None = None


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The exchange's word on one order; `evidence` names the call or message it was read from.

    `executed` is the filled base amount where the exchange told it. A pushed report may carry no `order_id` the service knows.
    """

    order_id: str
    exchange_order_id: str | None
    status: ReportStatus
    time: datetime
    reason: str
    evidence: str
    executed: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order as the exchange lists it, placed here or elsewhere."""

    client_order_id: str
    exchange_order_id: str
    trading_pair: str
    side: Side
    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    executed: Decimal
    status: ReportStatus
    time: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange did it. For a submit `exchange_order_id` is its id of the order."""

    exchange_order_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange proved that nothing was done: `reason` is its own text, `evidence` its raw answer."""

    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Unproven:
    """The outcome is not known (time-out, lost connection, 5xx, cancelled call); ask, never repeat."""

    reason: str


Outcome = Accepted | Refused | Unproven


@dataclass(frozen=True, slots=True)
class TokenBalance:
    """`total` includes what open orders lock."""

    total: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """The exchange pushed or the connector re-read balances; read them with `balances(refresh=False)`."""


@dataclass(frozen=True, slots=True)
class PositionsChanged:
    """The exchange pushed that a position, its leverage or its mode is another; ask what they are."""


@dataclass(frozen=True, slots=True)
class FundingChanged:
    """The exchange pushed that it settled funding; ask for the payments."""


@dataclass(frozen=True, slots=True)
class FundingPayment:
    """Funding that was paid (negative) or received. `exchange_id` is unique for the account and pair.

    `rate` and `mark` are the settlement's, None where the exchange does not tell them.
    """

    exchange_id: str
    trading_pair: str
    amount: Decimal
    token: str
    rate: Decimal | None
    mark: Decimal | None
    time: datetime


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The user stream is down: fills may be missed until `Reconnected`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The user stream is up again: reconcile what was missed."""


Update = Fill | OrderReport | BalancesChanged | PositionsChanged | FundingChanged | Disconnected | Reconnected


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One field of a connector's credential: `type` is the annotation's name (contract 8.3)."""

    type: str
    required: bool
    allowed_values: tuple[str, ...] | None = None
