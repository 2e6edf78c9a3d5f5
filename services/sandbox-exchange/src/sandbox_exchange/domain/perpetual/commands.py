"""What can be asked of the futures exchange. Quotes, the crowd's sweeps and cancels are those of spot."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox_exchange.domain.perpetual.positions import PositionSide
from sandbox_exchange.domain.spot.commands import CancelAll, CancelOrder, Quote, Sweep
from sandbox_exchange.domain.spot.orders import ZERO, OrderType, SelfTrade, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Deposit:
    """Add USDT to an account's futures wallet."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take USDT that is not needed as margin from an account's futures wallet."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A new order. An empty `client_order_id` is filled in."""

    account: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str = ""
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class SetLeverage:
    """Margin of a contract's positions and orders is their notional divided by the leverage."""

    account: str
    symbol: str
    leverage: int


@dataclass(frozen=True, slots=True)
class SetPositionMode:
    """One position per contract, or (`hedge`) a long and a short one."""

    account: str
    hedge: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """The market's prices and its funding rate now. Funding that is due is settled, then margins are checked."""

    symbol: str
    mark: Decimal
    index: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class SettleFunding:
    """Settle a contract's funding now, at its own rate or at another one."""

    symbol: str
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SetFundingPace:
    """How many seconds pass for eight simulated hours, from one funding to the next."""

    seconds: int


type MarketCommand = Quote | Sweep | Mark | SettleFunding | SetFundingPace
type Command = Deposit | Withdraw | PlaceOrder | CancelOrder | CancelAll | SetLeverage | SetPositionMode | MarketCommand
