"""What happened on the futures exchange. Times are milliseconds since 1970; `tran` numbers movements of wallets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from sandbox_exchange.domain.perpetual.positions import PositionSide
from sandbox_exchange.domain.records import Records
from sandbox_exchange.domain.spot import events as spot
from sandbox_exchange.domain.spot.events import OrderClosed
from sandbox_exchange.domain.spot.orders import OrderType, SelfTrade, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Deposited:
    """USDT came to a futures wallet from outside."""

    account: str
    amount: Decimal
    tran: int
    at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """USDT left a futures wallet for outside."""

    account: str
    amount: Decimal
    tran: int
    at: int


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """An order passed every check."""

    order: int
    account: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    client_order_id: str
    self_trade: SelfTrade
    position_side: PositionSide
    reduce_only: bool
    at: int


@dataclass(frozen=True, slots=True)
class Traded(spot.Traded):
    """A trade; fees are in USDT, and each side's realised profit is what its position made by it."""

    taker_profit: Decimal
    maker_profit: Decimal


@dataclass(frozen=True, slots=True)
class FundingSettled:
    """A contract's funding of the interval that ended at `due`. Positions were paid or charged at `rate` of `mark`."""

    symbol: str
    rate: Decimal
    mark: Decimal
    due: int
    at: int


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """Funding of one position: positive when the account received it."""

    account: str
    symbol: str
    position_side: PositionSide
    amount: Decimal
    rate: Decimal
    tran: int
    at: int


@dataclass(frozen=True, slots=True)
class InsuranceCleared:
    """The insurance fund paid what a liquidation left a wallet below zero."""

    account: str
    amount: Decimal
    tran: int
    at: int


@dataclass(frozen=True, slots=True)
class MarginCalled:
    """An account's margin balance came close to what its positions need. It changes nothing."""

    account: str
    at: int


@dataclass(frozen=True, slots=True)
class LeverageSet:
    """An account's leverage for a contract from now on."""

    account: str
    symbol: str
    leverage: int
    at: int


@dataclass(frozen=True, slots=True)
class PositionModeSet:
    """An account holds a long and a short position per contract from now on, or one position."""

    account: str
    hedge: bool
    at: int


@dataclass(frozen=True, slots=True)
class FundingPaceSet:
    """Funding is settled every so many seconds from now on."""

    seconds: int
    at: int


type Event = (
    Deposited
    | Withdrawn
    | OrderAccepted
    | Traded
    | OrderClosed
    | FundingSettled
    | FundingPaid
    | InsuranceCleared
    | MarginCalled
    | LeverageSet
    | PositionModeSet
    | FundingPaceSet
)

_RECORDS = Records[Event](get_args(Event.__value__))
to_record = _RECORDS.to_record
from_record = _RECORDS.from_record
