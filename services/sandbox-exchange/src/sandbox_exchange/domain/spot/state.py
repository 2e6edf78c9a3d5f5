"""The state of the exchange, and how each event changes it. The same code runs live and in a replay of the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from sandbox_exchange.domain.market.pairs import Pair
from sandbox_exchange.domain.refusals import invalid_symbol
from sandbox_exchange.domain.spot.accounts import Account, Fill
from sandbox_exchange.domain.spot.book import OrderBook
from sandbox_exchange.domain.spot.events import (
    AccountOpened,
    Deposited,
    Event,
    OrderAccepted,
    OrderClosed,
    PriceSet,
    Traded,
    Withdrawn,
)
from sandbox_exchange.domain.spot.orders import HOUSE, ZERO, Order, Side, Status

FIRST_ORDER = 1_000_000
RECENT_TRADES = 1000


@dataclass(slots=True)
class Market:
    """One pair's book and tape. `quotes` are the market maker's resting orders by side and price; they are never journalled."""

    pair: Pair
    book: OrderBook = field(default_factory=OrderBook)
    quotes: dict[tuple[Side, Decimal], Order] = field(default_factory=dict)
    last_price: Decimal = ZERO
    recent: deque[Traded] = field(default_factory=lambda: deque(maxlen=RECENT_TRADES))
    trades: dict[int, list[Traded]] = field(default_factory=dict)
    prices_set: list[PriceSet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.last_price = self.last_price or self.pair.reference


class State:
    """Accounts, orders, books and counters. Only `evolve` and `recall` change what the journal keeps."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.markets = {pair.symbol: Market(pair) for pair in pairs}
        self.accounts: dict[str, Account] = {}
        self.by_api_key: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        self.fees: dict[str, Decimal] = {}
        self.house: dict[str, Decimal] = {}
        self.last_order = FIRST_ORDER
        self.last_trade = 0

    def market(self, symbol: str) -> Market:
        """The market of a symbol. Raises Refused -1121 for one that is not listed."""
        found = self.markets.get(symbol)
        if found is None:
            raise invalid_symbol()
        return found

    def evolve(self, event: Event) -> None:
        """Apply one fact. It is never refused: what happened has happened."""
        match event:
            case OrderAccepted():
                self._accept(event)
            case Traded():
                self._settle(event)
                self.recall(event)
            case OrderClosed():
                self._close(event)
            case Deposited():
                self._move(event.account, event.asset, event.amount, event.at)
            case Withdrawn():
                self._move(event.account, event.asset, -event.amount, event.at)
            case AccountOpened():
                account = Account(event.account, event.api_key, event.api_secret, event.at, event.at)
                self.accounts[account.id] = self.by_api_key[account.api_key] = account
            case PriceSet():
                self.markets[event.symbol].prices_set.append(event)
            case _:
                assert_never(event)

    def recall(self, event: Traded) -> None:
        """Add a trade to the tape and to its accounts' fills, without moving any balance."""
        market = self.markets[event.symbol]
        market.last_price = event.price
        market.recent.append(event)
        market.trades.setdefault(event.at // 60_000, []).append(event)
        self.last_trade = max(self.last_trade, event.trade)
        for order_id, is_maker in ((event.taker, False), (event.maker, True)):
            if order_id != HOUSE:
                order = self.orders[order_id]
                self.accounts[order.account].add_fill(Fill(event, order, is_maker))

    def restore(self, order: Order) -> None:
        """Put an order of a snapshot in its place; orders come in the order of their ids, so queues keep their priority."""
        self.orders[order.id] = order
        self.accounts[order.account].add_order(order)
        self.last_order = max(self.last_order, order.id)
        if order.is_open and order.rests:
            self.markets[order.symbol].book.add(order)

    def _accept(self, event: OrderAccepted) -> None:
        order = Order(
            event.order, event.account, event.symbol, event.side, event.type, event.time_in_force, event.price,
            event.quantity, event.quote_quantity, event.client_order_id, event.self_trade, event.at, event.at,
        )  # fmt: skip
        if order.is_limit:
            pair = self.markets[order.symbol].pair
            self.accounts[order.account].lock(order, pair.base, pair.quote)
        self.restore(order)

    def _settle(self, event: Traded) -> None:
        market = self.markets[event.symbol]
        sides = ((event.taker, event.taker_side, event.taker_fee), (event.maker, event.taker_side.opposite, event.maker_fee))
        for order_id, side, fee in sides:
            if order_id == HOUSE:
                self._settle_house(event, side, market.pair)
            else:
                self._fill(self.orders[order_id], event, fee, market)

    def _fill(self, order: Order, event: Traded, fee: Decimal, market: Market) -> None:
        pair, account = market.pair, self.accounts[order.account]
        market.book.reduce(order, event.quantity)
        account.settle(order, event.price, event.quantity, fee, pair.base, pair.quote)
        order.executed += event.quantity
        order.quote_executed += event.price * event.quantity
        order.updated_at = account.updated_at = event.at
        order.status = Status.PARTIALLY_FILLED if order.executed < order.quantity else Status.FILLED
        if order.status is Status.FILLED:
            del account.open_orders[order.id]
        fee_asset = pair.base if order.side is Side.BUY else pair.quote
        self.fees[fee_asset] = self.fees.get(fee_asset, ZERO) + fee

    def _settle_house(self, event: Traded, side: Side, pair: Pair) -> None:
        sign = 1 if side is Side.BUY else -1
        self.house[pair.base] = self.house.get(pair.base, ZERO) + sign * event.quantity
        self.house[pair.quote] = self.house.get(pair.quote, ZERO) - sign * event.price * event.quantity

    def _close(self, event: OrderClosed) -> None:
        order = self.orders[event.order]
        market, account = self.markets[order.symbol], self.accounts[order.account]
        if order.rests:
            market.book.remove(order)
        if order.is_limit:
            account.unlock(order, market.pair.base, market.pair.quote)
        order.status = event.status
        order.updated_at = account.updated_at = event.at
        del account.open_orders[order.id]

    def _move(self, account_id: str, asset: str, amount: Decimal, at: int) -> None:
        account = self.accounts[account_id]
        account.balance(asset).free += amount
        account.updated_at = at
