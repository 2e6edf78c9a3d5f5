"""What happened on the exchange: the facts of the journal. Folding them gives the whole state again.

Times are milliseconds since 1970; amounts are exact decimals, plain text in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from sandbox_exchange.domain.records import Records
from sandbox_exchange.domain.spot.orders import OrderType, SelfTrade, Side, Status, TimeInForce


@dataclass(frozen=True, slots=True)
class AccountOpened:
    """An account exists. Its secret is kept in clear: it is needed to check signatures."""

    account: str
    api_key: str
    api_secret: str
    at: int


@dataclass(frozen=True, slots=True)
class Deposited:
    """Funds came to an account from outside."""

    account: str
    asset: str
    amount: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Funds left an account for outside."""

    account: str
    asset: str
    amount: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """An order passed every check. A limit order's funds are locked from here."""

    order: int
    account: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    client_order_id: str
    self_trade: SelfTrade
    at: int


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade. `taker` and `maker` are order ids, 0 for the market maker; a fee is in the asset its side receives."""

    trade: int
    symbol: str
    price: Decimal
    quantity: Decimal
    taker_side: Side
    taker: int
    maker: int
    taker_fee: Decimal
    maker_fee: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class OrderClosed:
    """An order ended other than by its last fill; what it still locks is released. `cancel_id` names the cancel request."""

    order: int
    status: Status
    cancel_id: str
    at: int


@dataclass(frozen=True, slots=True)
class PriceSet:
    """From `at` on the simulated price of a pair is `factor` (numerator over denominator) times its process."""

    symbol: str
    price: Decimal
    raw: Decimal
    at: int


type Event = AccountOpened | Deposited | Withdrawn | OrderAccepted | Traded | OrderClosed | PriceSet

_RECORDS = Records[Event](get_args(Event.__value__))
to_record = _RECORDS.to_record
from_record = _RECORDS.from_record
