"""The order book of one pair: price levels in order, orders of a level in the order they came."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from sortedcontainers import SortedDict

from sandbox_exchange.domain.spot.orders import ZERO, Order, Side


class Level:
    """All resting orders at one price; a dict keeps them in order of arrival and removes in constant time."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.quantity = ZERO


class OrderBook:
    """Resting orders by price and time. `version` grows by one with each change of a level; `changed` collects its price."""

    def __init__(self, version: int = 0) -> None:
        self.version = version
        self.changed: set[tuple[Side, Decimal]] = set()
        self._sides: dict[Side, SortedDict[Decimal, Level]] = {Side.BUY: SortedDict(), Side.SELL: SortedDict()}

    def add(self, order: Order) -> None:
        """Put an order at the end of its price level."""
        levels = self._sides[order.side]
        level = levels.get(order.price)
        if level is None:
            level = levels[order.price] = Level()
        level.orders[order.id] = order
        level.quantity += order.remaining
        self._touch(order)

    def remove(self, order: Order) -> None:
        """Take an order off the book with what remains of it; nothing happens when it is not on it."""
        levels = self._sides[order.side]
        level = levels.get(order.price)
        if level is None or level.orders.pop(order.id, None) is None:
            return
        level.quantity -= order.remaining
        if not level.orders:
            del levels[order.price]
        self._touch(order)

    def reduce(self, order: Order, quantity: Decimal) -> None:
        """Note that `quantity` of a resting order is gone; call before the order itself is changed. It keeps its place."""
        level = self._sides[order.side].get(order.price)
        if level is None or order.id not in level.orders:
            return
        level.quantity -= quantity
        if order.remaining == quantity:
            del level.orders[order.id]
            if not level.orders:
                del self._sides[order.side][order.price]
        self._touch(order)

    def best(self, side: Side) -> Decimal | None:
        """The best price of a side: highest bid, lowest ask."""
        levels = self._sides[side]
        if not levels:
            return None
        price: Decimal = levels.peekitem(-1 if side is Side.BUY else 0)[0]
        return price

    def quantity_at(self, side: Side, price: Decimal) -> Decimal:
        level = self._sides[side].get(price)
        return ZERO if level is None else level.quantity

    def depth(self, side: Side, limit: int) -> list[tuple[Decimal, Decimal]]:
        """The best `limit` levels as (price, quantity), best first."""
        return [(price, level.quantity) for price, level in islice(self._levels(side), limit)]

    def queue(self, side: Side) -> Iterator[Order]:
        """Resting orders of a side in matching order: best price first, then oldest first."""
        for _, level in self._levels(side):
            yield from level.orders.values()

    def _levels(self, side: Side) -> Iterator[tuple[Decimal, Level]]:
        levels = self._sides[side]
        if side is Side.SELL:
            return iter(levels.items())
        return ((price, levels[price]) for price in reversed(levels))

    def _touch(self, order: Order) -> None:
        self.version += 1
        self.changed.add((order.side, order.price))
