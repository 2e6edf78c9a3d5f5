"""Accounts: exact balances, free and locked, and everything an account ever did."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox_exchange.domain.spot.events import Traded
from sandbox_exchange.domain.spot.orders import ZERO, Order, Side


@dataclass(slots=True)
class Balance:
    """What an account holds of one asset. Neither part is ever negative."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of a trade, as its account sees it."""

    trade: Traded
    order: Order
    is_maker: bool

    @property
    def commission(self) -> Decimal:
        return self.trade.maker_fee if self.is_maker else self.trade.taker_fee

    @property
    def quote_quantity(self) -> Decimal:
        return self.trade.price * self.trade.quantity


@dataclass(slots=True)
class Account:
    """An account with its keys. `orders` and `fills` are complete and in the order they came."""

    id: str
    api_key: str
    api_secret: str
    opened_at: int
    updated_at: int
    balances: dict[str, Balance] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    open_orders: dict[int, Order] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], Order] = field(default_factory=dict)
    orders_by_symbol: dict[str, list[Order]] = field(default_factory=dict)
    fills: dict[str, list[Fill]] = field(default_factory=dict)

    def balance(self, asset: str) -> Balance:
        """The balance of an asset; it is created when the account never held it."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def add_order(self, order: Order) -> None:
        """Note an order; a client id that is used again names the newest order."""
        self.orders[order.id] = order
        self.by_client_id[order.symbol, order.client_order_id] = order
        self.orders_by_symbol.setdefault(order.symbol, []).append(order)
        if order.is_open:
            self.open_orders[order.id] = order

    def add_fill(self, fill: Fill) -> None:
        self.fills.setdefault(fill.trade.symbol, []).append(fill)

    def lock(self, order: Order, base: str, quote: str) -> None:
        """Move what a limit order can cost from free to locked."""
        asset, amount = locked_funds(order, base, quote)
        balance = self.balance(asset)
        balance.free -= amount
        balance.locked += amount

    def unlock(self, order: Order, base: str, quote: str) -> None:
        """Give back what an ended limit order still locks."""
        asset, amount = locked_funds(order, base, quote)
        balance = self.balance(asset)
        balance.locked -= amount
        balance.free += amount

    def settle(self, order: Order, price: Decimal, quantity: Decimal, fee: Decimal, base: str, quote: str) -> None:
        """Exchange the two assets of a fill. A limit order pays from what it locked; a better price frees the difference."""
        if order.side is Side.BUY:
            paying, paid, locked = self.balance(quote), price * quantity, order.price * quantity
            receiving, received = self.balance(base), quantity - fee
        else:
            paying, paid, locked = self.balance(base), quantity, quantity
            receiving, received = self.balance(quote), price * quantity - fee
        if order.is_limit:
            paying.locked -= locked
            paying.free += locked - paid
        else:
            paying.free -= paid
        receiving.free += received


def locked_funds(order: Order, base: str, quote: str) -> tuple[str, Decimal]:
    """The asset and amount that what remains of a limit order locks."""
    if order.side is Side.BUY:
        return quote, order.price * order.remaining
    return base, order.remaining
