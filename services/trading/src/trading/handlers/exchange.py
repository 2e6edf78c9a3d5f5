"""What the handlers need of an exchange: Protocols, beside the plain data that crosses the seam (adapters/exchange.py).

Methods that ask the exchange raise `contracts.rejections.Unavailable` when it cannot be reached or gives no usable answer;
nothing is then known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from contracts.trading import OrderType, Position, PositionMode
from contracts.trading.reconciliation import DifferenceReason

from trading.adapters.exchange import (
    Accepted,
    BalancesChanged,
    ConfigField,
    Disconnected,
    ExchangeOrder,
    Fill,
    FundingChanged,
    FundingPayment,
    Holdings,
    OrderReport,
    OrderTicket,
    Outcome,
    PositionsChanged,
    Reconnected,
    Refused,
    ReportStatus,
    TokenBalance,
    TradingRule,
    Unproven,
    Update,
)

__all__ = [
    "Accepted",
    "BalancesChanged",
    "ConfigField",
    "ConnectorCatalogue",
    "CredentialProver",
    "Derivative",
    "Disconnected",
    "ExchangeOrder",
    "ExchangeSession",
    "Exchanges",
    "Fill",
    "FundingChanged",
    "FundingPayment",
    "Holdings",
    "OrderReport",
    "OrderTicket",
    "Outcome",
    "PositionsChanged",
    "Rates",
    "Reconnected",
    "Refused",
    "ReportStatus",
    "TokenBalance",
    "TradingRule",
    "Unproven",
    "Update",
]


class Derivative(Protocol):
    """What a session on a derivatives exchange can do beyond orders."""

    @property
    def modes(self) -> Sequence[PositionMode]:
        """The position modes the connector knows."""

    @property
    def mode(self) -> PositionMode | None:
        """The account's mode as last read: the one orders are written in; None where the exchange does not tell it."""

    async def positions(self) -> list[Position]:
        """All open positions, asked from the exchange now."""

    def cause_of(self, client_order_id: str) -> DifferenceReason:
        """Whose order it was that was not placed here, as far as its id proves it."""

    async def funding_since(self, since: datetime) -> list[FundingPayment] | None:
        """Funding payments since then, oldest first; None when the connector has no such listing."""

    async def set_mode(self, mode: PositionMode) -> Outcome:
        """Change the account's mode, and write orders in it from then on. Never raises for what the exchange does."""

    async def set_leverage(self, trading_pair: str, leverage: int) -> Outcome:
        """Change the leverage of a pair. Never raises for what the exchange does."""


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
    def derivative(self) -> Derivative | None:
        """What it can do with positions; None on spot, and before `start`."""

    @property
    def trading_rules(self) -> Mapping[str, TradingRule]:
        """The rules by trading pair; empty until loaded, refreshed in the background."""

    async def reread_rules(self) -> None:
        """Read the trading rules anew unless they are only seconds old: the exchange may list or trade a pair again.

        Raises Unavailable.
        """

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

    def order_wait(self, ahead: int) -> float:
        """Seconds until an order placed now could be sent within the exchange's rate limits, with `ahead` others before it; 0
        when at once, or when the limits are not known.
        """

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

    async def holdings(self) -> Holdings:
        """What the account holds: of a spot exchange as last pushed or read, of another asked from the exchange now."""

    def adopt(self, order: OrderTicket) -> None:
        """Tell the connector of an order that may be alive, so that its updates are delivered (after a restart)."""

    def forget(self, order_id: str) -> None:
        """The order is terminal: the connector need not follow it any longer."""


class Exchanges(Protocol):
    """Builds sessions; nothing is connected until `start`."""

    def session(self, account: str, connector: str, fields: Mapping[str, str], held: Callable[[], bool]) -> ExchangeSession:
        """A session for a credential's fields. It changes something on the exchange only while `held` says so.

        Raises ConnectorUnknown or CredentialFieldInvalid of contracts.accounts; Unavailable while the engine is loading or for
        a connector that the venue does not serve.
        """


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
