"""Orders, and the words they are described with. The values are those of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)
HOUSE = 0
"""The order id of the market maker's side of a trade: its orders are quotes, not orders of an account."""


class Side(StrEnum):
    """Whether base is bought or sold."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order is priced."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    """What becomes of the part that does not trade on arrival: it rests, it ends, or nothing may trade without it."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    """Where an order stands."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


class SelfTrade(StrEnum):
    """What happens when an order would match another of the same account. They never trade with each other."""

    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


@dataclass(slots=True, eq=False)
class Order:
    """An order of an account (`id` > 0) or a quote of the market maker (`account` empty).

    `quantity` is zero for a market order by quote amount until it has traded; `remaining` is what may still trade in base.
    Times are milliseconds since 1970.
    """

    id: int
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
    placed_at: int
    updated_at: int
    status: Status = Status.NEW
    executed: Decimal = ZERO
    quote_executed: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_limit(self) -> bool:
        """Whether it has a limit price, and so locks funds from placement to its end."""
        return self.type is not OrderType.MARKET

    @property
    def rests(self) -> bool:
        """Whether what is left of it stays on the book."""
        return self.is_limit and self.time_in_force is TimeInForce.GTC


def quote_order(number: int, symbol: str, side: Side, price: Decimal, quantity: Decimal, at: int) -> Order:
    """A resting quote of the market maker. `number` is negative, so it can never be taken for an account's order."""
    return Order(
        number, "", symbol, side, OrderType.LIMIT, TimeInForce.GTC, price, quantity, ZERO, "", SelfTrade.EXPIRE_MAKER, at, at
    )
