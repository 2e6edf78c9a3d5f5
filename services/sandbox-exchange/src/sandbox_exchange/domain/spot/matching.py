"""Price-time priority, as a plan: what an incoming order would trade with, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox_exchange.domain.spot.book import OrderBook
from sandbox_exchange.domain.spot.orders import ZERO, Order, SelfTrade, Side


@dataclass(slots=True)
class Plan:
    """The trades an order leads to, in order, and what self-trade prevention ends.

    `complete` says that nothing of the order is left afterwards (for an order by quote amount: less than one lot is left).
    """

    fills: list[tuple[Order, Decimal]] = field(default_factory=list)
    expired_makers: list[Order] = field(default_factory=list)
    taker_expires: bool = False
    complete: bool = False

    @property
    def base(self) -> Decimal:
        return sum((quantity for _, quantity in self.fills), ZERO)

    @property
    def quote(self) -> Decimal:
        return sum((maker.price * quantity for maker, quantity in self.fills), ZERO)


def crosses(side: Side, limit: Decimal, price: Decimal) -> bool:
    """Whether an order of `side` limited to `limit` trades with a resting order at `price`."""
    return price <= limit if side is Side.BUY else price >= limit


def plan(book: OrderBook, taker: Order, step: Decimal) -> Plan:
    """What `taker` trades with on arrival. An order by quote amount takes whole lots until that is spent or earned."""
    result = Plan()
    by_quote = taker.quote_quantity > ZERO
    left = taker.quote_quantity if by_quote else taker.remaining
    for maker in book.queue(taker.side.opposite):
        if taker.is_limit and not crosses(taker.side, taker.price, maker.price):
            break
        if taker.account and maker.account == taker.account:
            if taker.self_trade is not SelfTrade.EXPIRE_TAKER:
                result.expired_makers.append(maker)
            if taker.self_trade is not SelfTrade.EXPIRE_MAKER:
                result.taker_expires = True
                break
            continue
        wanted = _lots_for_quote(left, maker.price, step) if by_quote else left
        quantity = min(wanted, maker.remaining)
        if quantity > ZERO:
            result.fills.append((maker, quantity))
            left -= quantity * maker.price if by_quote else quantity
        if quantity == wanted:
            result.complete = True
            break
    return result


def _lots_for_quote(quote: Decimal, price: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that costs at most `quote` at `price`."""
    return quote // (price * step) * step
