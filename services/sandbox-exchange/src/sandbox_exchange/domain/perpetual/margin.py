"""Cross margin: what positions and orders need, and what is left.

All contracts share the wallet. For each position the margin is `max(|P|, |P + B|, |P - S|) / leverage`, where P is its notional
at the mark price (negative when short) and B and S are the notionals of open buy and sell orders that can open or enlarge it,
as in Binance's "Leverage and Margin of USD-M Futures" (presenting notional value). Maintenance is one rate per contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox_exchange.domain.perpetual.accounts import FLAT, FuturesAccount, PositionKey
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.positions import PositionSide, quotient, rounded
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.refusals import margin_insufficient
from sandbox_exchange.domain.spot.orders import ZERO, Side

type Markets = Mapping[str, ContractMarket]


@dataclass(frozen=True, slots=True)
class Figures:
    """The margin figures of an account, of a contract or of a position, in USDT; everything but the wallet adds up."""

    unrealised: Decimal = ZERO
    position_margin: Decimal = ZERO
    order_margin: Decimal = ZERO
    maintenance: Decimal = ZERO
    notional: Decimal = ZERO

    @property
    def initial(self) -> Decimal:
        return self.position_margin + self.order_margin

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.unrealised + other.unrealised, self.position_margin + other.position_margin,
            self.order_margin + other.order_margin, self.maintenance + other.maintenance, self.notional + other.notional,
        )  # fmt: skip


def of_position(account: FuturesAccount, market: ContractMarket, side: PositionSide, *more: FuturesOrder) -> Figures:
    """The figures of one position with the open orders for it, and with orders that would be added."""
    symbol = market.pair.symbol
    position, leverage = account.position(symbol, side), Decimal(account.leverage(symbol))
    notional = position.amount * market.mark
    bids = asks = ZERO
    for order in (*account.open_orders.values(), *more):
        if order.symbol == symbol and order.position_side is side and not order.reduce_only:
            value = (order.price or market.mark) * order.remaining
            bids, asks = (bids + value, asks) if order.side is Side.BUY else (bids, asks + value)
    held = quotient(abs(notional), leverage)
    needed = quotient(max(abs(notional), abs(notional + bids), abs(notional - asks)), leverage)
    return Figures(
        rounded(position.unrealised(market.mark)), held, needed - held, rounded(abs(notional) * market.pair.maintenance_rate),
        rounded(notional),
    )  # fmt: skip


def of_contract(account: FuturesAccount, market: ContractMarket) -> Figures:
    """The figures of a contract: of all its positions, whatever mode they are from."""
    return sum((of_position(account, market, side) for side in PositionSide), Figures())


def of_account(account: FuturesAccount, markets: Markets) -> Figures:
    """The figures of an account: only contracts that it holds or has orders for count."""
    symbols = {symbol for (symbol, _), position in account.positions.items() if position.amount}
    symbols |= {order.symbol for order in account.open_orders.values()}
    return sum((of_contract(account, markets[symbol]) for symbol in sorted(symbols)), Figures())


def available(account: FuturesAccount, figures: Figures) -> Decimal:
    """What can be used for new orders or be withdrawn; negative when positions lost more than is left beside their margin."""
    return account.wallet + figures.unrealised - figures.initial


def check(account: FuturesAccount, markets: Markets, order: FuturesOrder) -> None:
    """Refuse an order that needs more margin than is available. An order that needs none is never refused.

    `order.price` is what it is expected to trade at. A price worse than the mark price costs the difference at once.
    """
    market = markets[order.symbol]
    more = of_position(account, market, order.position_side, order).initial
    more -= of_position(account, market, order.position_side).initial
    if order.reduce_only or more <= ZERO:
        return
    worse = order.price - market.mark if order.side is Side.BUY else market.mark - order.price
    loss = max(ZERO, worse) * order.remaining
    if available(account, of_account(account, markets)) < more + loss:
        raise margin_insufficient()


def is_marked(account: FuturesAccount, markets: Markets) -> bool:
    """Whether every contract it holds has a mark price; after a start the first ones come one by one."""
    return all(markets[symbol].mark for symbol, _ in held(account))


def held(account: FuturesAccount) -> list[PositionKey]:
    """The positions that are not flat."""
    return [key for key, position in account.positions.items() if position != FLAT]


def liquidation_price(account: FuturesAccount, markets: Markets, market: ContractMarket, side: PositionSide) -> Decimal:
    """The mark price at which the account is liquidated if only this contract moves; zero when there is none.

    The price p at which wallet + other profit + amount * p - cost = other maintenance + |amount| * p * rate.
    """
    position = account.position(market.pair.symbol, side)
    if not position.amount:
        return ZERO
    figures, own = of_account(account, markets), of_position(account, market, side)
    signed_cost = position.cost if position.amount > ZERO else -position.cost
    base = account.wallet + figures.unrealised - own.unrealised - (figures.maintenance - own.maintenance) - signed_cost
    slope = abs(position.amount) * market.pair.maintenance_rate - position.amount
    return max(ZERO, quotient(base, slope))
