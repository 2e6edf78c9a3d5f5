"""What an engine executor sees in place of the application it was made for: a strategy, and connectors.

A connector here is the session's own for rules, balances and fees. Its prices come from the public order books, its orders are
ours, rebuilt from their events. Nothing goes to the exchange from here: `place` and `cancel` hand over to the session.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine_kit.books import Books

from trading.adapters.executor_orders import Wanted

type Place = Callable[[Wanted], str]
type Cancel = Callable[[str], None]


class Orders:
    """An executor's orders in the engine's form, where it looks for them."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def fetch_order(self, client_order_id: str | None = None, exchange_order_id: str | None = None) -> Any:
        """The order of this id, or None."""
        if client_order_id is not None:
            return self.known.get(client_order_id)
        found = (each for each in self.known.values() if each.exchange_order_id == exchange_order_id)
        return next(found, None)


class Connector:
    """One connector as an executor sees it; what is not here is the session's connector's own."""

    def __init__(self, name: str, connector: Any, books: Books, orders: Orders) -> None:
        self._name = name
        self._connector = connector
        self._books = books
        self._order_tracker = orders

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._connector, attribute)

    def get_price_by_type(self, trading_pair: str, price_type: Any) -> Decimal:
        """Best bid, best ask, their middle, or the last trade's price. Unavailable without a live book."""
        bid, ask = self._books.top(self._name, trading_pair)
        match price_type.name:
            case "BestBid":
                return bid
            case "BestAsk":
                return ask
            case "LastTrade":
                last = Decimal(str(self._books.book(self._name, trading_pair).last_trade_price))
                return (bid + ask) / 2 if last.is_nan() else last
            case _:
                return (bid + ask) / 2

    def get_price(self, trading_pair: str, is_buy: bool) -> Decimal:
        """The best price to buy or sell at."""
        bid, ask = self._books.top(self._name, trading_pair)
        return ask if is_buy else bid

    def get_mid_price(self, trading_pair: str) -> Decimal:
        """Half way between bid and ask."""
        bid, ask = self._books.top(self._name, trading_pair)
        return (bid + ask) / 2

    def get_order_book(self, *names: str) -> Any:
        """The live book; the engine's executors also give the connector's name."""
        return self._books.book(self._name, names[-1])

    async def get_quote_price(self, trading_pair: str, is_buy: bool, amount: Decimal) -> Decimal:
        """The price at which an amount can be traded now: that of the last row it would take."""
        result = self._books.book(self._name, trading_pair).get_price_for_volume(is_buy, float(amount))
        return Decimal(str(result.result_price))

    async def get_order_price(self, trading_pair: str, is_buy: bool, amount: Decimal) -> Decimal:
        """As `get_quote_price`."""
        return await self.get_quote_price(trading_pair, is_buy, amount)

    def get_fee(self, **order: Any) -> Any:
        """The fee of an order; one that only guesses at a derivative's need not say whether it opens or closes."""
        if "perpetual" in self._name:
            common = importlib.import_module("hummingbot.core.data_type.common")
            order.setdefault("position_action", common.PositionAction.OPEN)
        return self._connector.get_fee(**order)

    def add_listener(self, *_: Any) -> None:
        """The executor is told by us."""

    def remove_listener(self, *_: Any) -> None:
        """See `add_listener`."""

    async def _update_orders_with_error_handler(self, **_: Any) -> None:
        """The session follows the orders."""

    def _handle_update_error_for_active_order(self, *_: Any) -> None:
        """See `_update_orders_with_error_handler`."""


class Strategy:
    """The strategy an executor believes it belongs to."""

    def __init__(self, connectors: Mapping[str, Connector], place: Place, cancel: Cancel) -> None:
        self.connectors = dict(connectors)
        self._place = place
        self._cancel = cancel

    @property
    def current_timestamp(self) -> float:
        """Now, in seconds."""
        return time.time()

    def buy(self, connector_name: str, trading_pair: str, amount: Decimal, *terms: Any) -> str:
        """Ask for a buy order: order type, price (NaN for none), position action. The client order id."""
        return self._place(_wanted("BUY", connector_name, trading_pair, amount, *terms))

    def sell(self, connector_name: str, trading_pair: str, amount: Decimal, *terms: Any) -> str:
        """As `buy`."""
        return self._place(_wanted("SELL", connector_name, trading_pair, amount, *terms))

    def cancel(self, connector_name: str, trading_pair: str, order_id: str) -> None:
        """Ask for a cancel."""
        self._cancel(order_id)

    def get_active_orders(self, connector_name: str) -> list[Any]:
        """The open orders on a connector."""
        orders = self.connectors[connector_name]._order_tracker.known.values()
        return [each.to_limit_order() for each in orders if each.is_open]


def _wanted(
    side: str,
    connector: str,
    trading_pair: str,
    amount: Decimal,
    order_type: Any,
    price: Decimal = Decimal("NaN"),
    position_action: Any = None,
) -> Wanted:
    common = importlib.import_module("hummingbot.core.data_type.common")
    market = order_type is common.OrderType.MARKET
    close = position_action is common.PositionAction.CLOSE
    return Wanted(
        connector=connector,
        trading_pair=trading_pair,
        side=side,
        order_type=order_type.name,
        amount=amount,
        price=None if market or price.is_nan() else price,
        position_action="CLOSE" if close else "OPEN",
    )
