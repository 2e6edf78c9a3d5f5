"""What the tests of the futures exchange share: an exchange with funded accounts, and short words for its commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox_exchange.domain.perpetual.accounts import FuturesAccount
from sandbox_exchange.domain.perpetual.commands import Deposit, Mark, PlaceOrder
from sandbox_exchange.domain.perpetual.contracts import LISTED
from sandbox_exchange.domain.perpetual.events import Event
from sandbox_exchange.domain.perpetual.exchange import FuturesExchange
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.spot.orders import OrderType, Side

SYMBOL = "BTCUSDT"
AT = 1_790_000_000_000
MAKER, TAKER = "000001", "000002"


def opened(*accounts: str, funds: str = "100000", mark: str = "100") -> tuple[FuturesExchange, list[Event]]:
    """An exchange whose first contract is marked, and the events so far."""
    exchange, journal = FuturesExchange(LISTED), []
    journal += exchange.apply(Mark(SYMBOL, Decimal(mark), Decimal(mark), Decimal(0)), AT)
    for account in accounts:
        journal += exchange.apply(Deposit(account, Decimal(funds)), AT)
    return exchange, journal


def place(exchange: FuturesExchange, account: str, side: Side, quantity: str, price: str = "0", **more: Any) -> FuturesOrder:
    """Place an order; without a price, a market order."""
    kind = more.pop("type", OrderType.LIMIT if Decimal(price) else OrderType.MARKET)
    exchange.apply(PlaceOrder(account, SYMBOL, side, kind, Decimal(quantity), Decimal(price), **more), AT)
    return exchange.state.orders[exchange.state.last_order]


def trade(exchange: FuturesExchange, side: Side, quantity: str, price: str, **more: Any) -> FuturesOrder:
    """Let TAKER trade with MAKER at a price; the taker's order."""
    place(exchange, MAKER, side.opposite, quantity, price)
    return place(exchange, TAKER, side, quantity, **more)


def marked(exchange: FuturesExchange, mark: str, rate: str = "0", at: int = AT) -> list[Event]:
    """Move the mark price."""
    return exchange.apply(Mark(SYMBOL, Decimal(mark), Decimal(mark), Decimal(rate)), at)


def account(exchange: FuturesExchange, number: str = TAKER) -> FuturesAccount:
    return exchange.state.account(number)
