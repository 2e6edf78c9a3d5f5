"""Futures accounts: the wallet, positions, and everything an account ever did."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from sandbox_exchange.domain.perpetual.contracts import DEFAULT_LEVERAGE
from sandbox_exchange.domain.perpetual.events import Traded
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.positions import Position, PositionSide
from sandbox_exchange.domain.spot.orders import ZERO

FLAT = Position()

type PositionKey = tuple[str, PositionSide]


class IncomeType(StrEnum):
    """Why a wallet changed."""

    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


@dataclass(frozen=True, slots=True)
class Income:
    """One change of a wallet. `tran` is unique among changes of the same type; `trade` is 0 unless a trade caused it."""

    type: IncomeType
    symbol: str
    amount: Decimal
    tran: int
    trade: int
    at: int
    position_side: PositionSide = PositionSide.BOTH


@dataclass(frozen=True, slots=True)
class FuturesFill:
    """One side of a trade, as its account sees it."""

    trade: Traded
    order: FuturesOrder
    is_maker: bool

    @property
    def commission(self) -> Decimal:
        return self.trade.maker_fee if self.is_maker else self.trade.taker_fee

    @property
    def profit(self) -> Decimal:
        return self.trade.maker_profit if self.is_maker else self.trade.taker_profit

    @property
    def quote_quantity(self) -> Decimal:
        return self.trade.price * self.trade.quantity


@dataclass(slots=True)
class FuturesAccount:
    """The futures side of an account. `wallet` is USDT and equals the sum of `income`, which is complete and in order."""

    id: str
    updated_at: int = 0
    wallet: Decimal = ZERO
    hedge: bool = False
    leverages: dict[str, int] = field(default_factory=dict)
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    orders: dict[int, FuturesOrder] = field(default_factory=dict)
    open_orders: dict[int, FuturesOrder] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], FuturesOrder] = field(default_factory=dict)
    orders_by_symbol: dict[str, list[FuturesOrder]] = field(default_factory=dict)
    fills: dict[str, list[FuturesFill]] = field(default_factory=dict)
    realised: dict[PositionKey, Decimal] = field(default_factory=dict)
    income: list[Income] = field(default_factory=list)

    def leverage(self, symbol: str) -> int:
        return self.leverages.get(symbol, DEFAULT_LEVERAGE)

    def position(self, symbol: str, side: PositionSide) -> Position:
        return self.positions.get((symbol, side), FLAT)

    def position_of(self, order: FuturesOrder) -> Position:
        """The position an order is for."""
        return self.position(order.symbol, order.position_side)

    def earn(self, income: Income) -> None:
        """Change the wallet and remember why."""
        self.wallet += income.amount
        self.income.append(income)
        self.updated_at = income.at

    def add_fill(self, fill: FuturesFill) -> None:
        """Note a fill, and what its position has made so far."""
        self.fills.setdefault(fill.trade.symbol, []).append(fill)
        key = fill.trade.symbol, fill.order.position_side
        self.realised[key] = self.realised.get(key, ZERO) + fill.profit

    def add_order(self, order: FuturesOrder) -> None:
        """Note an order; a client id that is used again names the newest order."""
        self.orders[order.id] = order
        self.by_client_id[order.symbol, order.client_order_id] = order
        self.orders_by_symbol.setdefault(order.symbol, []).append(order)
        if order.is_open:
            self.open_orders[order.id] = order

    def find(self, symbol: str, order_id: int | None, client_order_id: str | None) -> FuturesOrder | None:
        """An order by exchange id or by client id; when both are given both must match."""
        if order_id is None:
            return self.by_client_id.get((symbol, client_order_id or ""))
        order = self.orders.get(order_id)
        if order is None or order.symbol != symbol or (client_order_id and order.client_order_id != client_order_id):
            return None
        return order

    def sides(self) -> tuple[PositionSide, ...]:
        """The positions per contract in the account's mode."""
        return (PositionSide.LONG, PositionSide.SHORT) if self.hedge else (PositionSide.BOTH,)
