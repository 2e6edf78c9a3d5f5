"""What the handlers need of an exchange: Protocols, and the plain data that crosses the seam to the adapters.

Amounts are exact Decimals, times aware UTC. No engine type crosses here. Methods that ask the exchange raise
`contracts.rejections.Unavailable` when it cannot be reached or gives no usable answer; nothing is then known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from contracts.trading import OrderType, PositionAction, Side


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
    """One execution. `order_id` is the client order id, None where the exchange's listing does not carry it."""

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
class Disconnected:
    """The user stream is down: fills may be missed until `Reconnected`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The user stream is up again: reconcile what was missed."""


Update = Fill | OrderReport | BalancesChanged | Disconnected | Reconnected


class ExchangeSession(Protocol):
    """One live connector of one account. Repeats and late updates are possible; the domain deduplicates by trade id."""

    account: str
    connector: str
    updates: asyncio.Queue[Update]

    async def start(self) -> None:
        """Connect: trading rules, balances, user stream.

        Raises `contracts.accounts.CredentialRefused` with the exchange's reason, or Unavailable.
        """

    async def stop(self) -> None:
        """Disconnect and release everything; orders stay on the exchange. Safe to call twice and before `start`."""

    def ready(self) -> str | None:
        """None when orders can be placed, else what is missing."""

    @property
    def trading_rules(self) -> Mapping[str, TradingRule]:
        """The rules by trading pair; empty until loaded, refreshed in the background."""

    @property
    def order_types(self) -> Sequence[OrderType]:
        """The order types the connector supports."""

    def client_order_id(self, key: UUID) -> str:
        """The client order id for a command's message id: same key, same id; in the form this exchange takes."""

    def quantize_amount(self, trading_pair: str, amount: Decimal) -> Decimal:
        """The amount rounded down to the pair's increments; KeyError for a pair without rules."""

    def quantize_price(self, trading_pair: str, price: Decimal) -> Decimal:
        """The price rounded down to the pair's increments; KeyError for a pair without rules."""

    async def price(self, trading_pair: str) -> Decimal | None:
        """The pair's last price, for checks of market orders; None when the exchange tells none. May be seconds old."""

    async def submit(self, order: OrderTicket) -> Outcome:
        """Send the order once, under exactly `order.order_id`. Never raises for what the exchange or network does."""

    async def cancel(self, order: OrderTicket) -> Outcome:
        """Send one cancel. Accepted: the order is off the book. Refused: the exchange proved that it will not cancel, or has
        nothing to cancel. Unproven also where an exchange only acknowledges the request. Never raises, as `submit`.
        """

    async def order_report(self, order: OrderTicket) -> OrderReport:
        """Ask the exchange for this one order."""

    async def fills_of(self, order: OrderTicket) -> list[Fill]:
        """All executions of one order, oldest first."""

    async def open_orders(self) -> list[ExchangeOrder] | None:
        """All open orders of the account; None when the connector has no such listing."""

    async def orders_since(self, trading_pair: str, since: datetime) -> list[ExchangeOrder] | None:
        """Orders of any state placed since then, oldest first; None when the connector has no such listing."""

    async def trades_since(self, trading_pair: str, since: datetime) -> list[Fill] | None:
        """Executions of the account since then, oldest first; None when the connector has no such listing."""

    async def balances(self, *, refresh: bool) -> Mapping[str, TokenBalance]:
        """Balances by token; with `refresh` asked from the exchange now, else as last pushed or read."""

    def adopt(self, order: OrderTicket) -> None:
        """Tell the connector of an order that may be alive, so that its updates are delivered (after a restart)."""

    def forget(self, order_id: str) -> None:
        """The order is terminal: the connector need not follow it any longer."""


class Exchanges(Protocol):
    """Builds sessions; nothing is connected until `start`."""

    def session(self, account: str, connector: str, fields: Mapping[str, str]) -> ExchangeSession:
        """A session for a credential's fields.

        Raises ConnectorUnknown or CredentialFieldInvalid of contracts.accounts; Unavailable while the engine is loading or for
        a connector that the venue does not serve.
        """


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One field of a connector's credential: `type` is the annotation's name (contract 8.3)."""

    type: str
    required: bool
    allowed_values: tuple[str, ...] | None = None


class ConnectorCatalogue(Protocol):
    """What the engine's connectors can do; no account needed. ConnectorNotFound for unknown names."""

    def names(self) -> list[str]:
        """All connector names, sorted. Unavailable while the engine is loading."""

    def config_map(self, connector: str) -> dict[str, ConfigField]:
        """The fields of a credential, in the order to ask them."""

    async def order_types(self, connector: str) -> list[str]:
        """The supported order types, from the connector's class; no network."""

    async def trading_rules(self, connector: str, trading_pairs: Iterable[str] | None) -> dict[str, TradingRule]:
        """Public trading rules, cached for minutes; pairs the exchange does not list are left out."""


class CredentialProver(Protocol):
    """Logs in to an exchange and throws the login away."""

    async def prove(self, connector: str, fields: Mapping[str, str]) -> None:
        """Return when the exchange accepted the credential.

        Raises of contracts.accounts: ConnectorUnknown, CredentialFieldInvalid (names the field), CredentialRefused (the
        exchange's reason); or Unavailable.
        """


class Rates(Protocol):
    """Prices of tokens."""

    async def rates(self, tokens: Iterable[str], quote_token: str) -> dict[str, Decimal | None]:
        """One token's price in the quote token, None without a route; seconds old. Unavailable when no source answers."""
