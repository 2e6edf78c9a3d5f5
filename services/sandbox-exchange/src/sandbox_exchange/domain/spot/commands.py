"""What can be asked of the exchange. Times are not part of a command: `Exchange.apply` takes the time beside it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox_exchange.domain.spot.orders import ZERO, OrderType, SelfTrade, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """A new account with its keys and first deposits (asset, amount)."""

    api_key: str
    api_secret: str
    balances: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Deposit:
    """Add funds to an account."""

    account: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take free funds from an account."""

    account: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A new order. `quantity` zero means a market order by `quote_quantity`; an empty `client_order_id` is filled in."""

    account: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str = ""
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel one open order, named by exchange id or by client id. `cancel_id` is the id of the cancel request itself."""

    account: str
    symbol: str
    order_id: int | None = None
    client_order_id: str | None = None
    cancel_id: str = ""


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel every open order of an account in one pair."""

    account: str
    symbol: str


@dataclass(frozen=True, slots=True)
class SetPrice:
    """Move the simulated market of a pair so that it stands at `price` now. `raw` is the process's own price at that moment."""

    symbol: str
    price: Decimal
    raw: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """The market maker's ladder from now on: (price, quantity) per side. Quotes that stand unchanged keep their place."""

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """The simulated crowd trades up to `quantity` with accounts' resting orders at `price` or better."""

    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal


type Command = OpenAccount | Deposit | Withdraw | PlaceOrder | CancelOrder | CancelAll | SetPrice | Quote | Sweep
