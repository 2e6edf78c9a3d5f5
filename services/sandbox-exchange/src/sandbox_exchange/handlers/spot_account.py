"""Spot, signed: `/api/v3` calls of an account."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from aiohttp import web

from sandbox_exchange.domain.refusals import Refused, missing, no_such_order
from sandbox_exchange.domain.spot.accounts import Fill
from sandbox_exchange.domain.spot.commands import CancelAll, CancelOrder, PlaceOrder
from sandbox_exchange.domain.spot.events import OrderAccepted, Traded
from sandbox_exchange.domain.spot.exchange import find_order
from sandbox_exchange.domain.spot.orders import ZERO, Order, OrderType, SelfTrade, Side, TimeInForce
from sandbox_exchange.domain.wire import orders
from sandbox_exchange.handlers.doors import Handler, answer
from sandbox_exchange.handlers.parameters import Parameters
from sandbox_exchange.handlers.signing import Signed, SignedHandler, signed_by
from sandbox_exchange.handlers.venue import Venue

DETAILS = {"ACK", "RESULT", "FULL"}


class SpotAccount:
    """Orders, trades and balances over REST."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/v3/order", self._signed(self.place)),
            web.get("/api/v3/order", self._signed(self.status)),
            web.delete("/api/v3/order", self._signed(self.cancel)),
            web.get("/api/v3/openOrders", self._signed(self.open_orders)),
            web.delete("/api/v3/openOrders", self._signed(self.cancel_all)),
            web.get("/api/v3/allOrders", self._signed(self.all_orders)),
            web.get("/api/v3/myTrades", self._signed(self.my_trades)),
            web.get("/api/v3/account", self._signed(self.information)),
        ]

    def _signed(self, handler: SignedHandler) -> Handler:
        return signed_by(self._venue, handler)

    async def place(self, signed: Signed) -> web.Response:
        command = read_order(signed)
        default = "ACK" if command.type is OrderType.LIMIT_MAKER else "FULL"
        detail = signed.parameters.get("newOrderRespType") or default
        if detail not in DETAILS:
            raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        events = self._venue.tell(command)
        accepted = events[0]
        assert isinstance(accepted, OrderAccepted)  # noqa: S101 - a placed order is accepted first
        order = self._venue.exchange.state.orders[accepted.order]
        fills = [Fill(event, order, is_maker=False) for event in events if isinstance(event, Traded)]
        # Rendered before waiting for the disk: the answer is the outcome of this command, not of later ones.
        payload = orders.order_placed(order, order.placed_at, fills, self._assets(order), detail)
        await self._venue.settled()
        return answer(payload)

    async def status(self, signed: Signed) -> web.Response:
        number, client_id = named(signed.parameters)
        symbol = self._symbol(signed)
        order = find_order(signed.account, symbol, number, client_id)
        if order is None:
            raise no_such_order()
        payload = orders.order_status(order)
        await self._venue.settled()
        return answer(payload)

    async def cancel(self, signed: Signed) -> web.Response:
        number, client_id = named(signed.parameters)
        symbol = self._symbol(signed)
        cancel_id = signed.parameters.client_id("newClientOrderId") or ""
        self._venue.tell(CancelOrder(signed.account.id, symbol, number, client_id, cancel_id))
        order = find_order(signed.account, symbol, number, client_id)
        assert order is not None  # noqa: S101 - it was just cancelled
        payload = orders.order_cancelled(order, order.updated_at, cancel_id or f"cancel{order.id}")
        await self._venue.settled()
        return answer(payload)

    async def cancel_all(self, signed: Signed) -> web.Response:
        symbol = self._symbol(signed)
        open_orders = [order for order in signed.account.open_orders.values() if order.symbol == symbol]
        self._venue.tell(CancelAll(signed.account.id, symbol))
        payload = [orders.order_cancelled(order, order.updated_at, f"cancel{order.id}") for order in open_orders]
        await self._venue.settled()
        return answer(payload)

    async def open_orders(self, signed: Signed) -> web.Response:
        symbol = None if signed.parameters.get("symbol") is None else self._symbol(signed)
        found = [order for order in signed.account.open_orders.values() if symbol in (None, order.symbol)]
        payload = [orders.order_status(order) for order in found]
        await self._venue.settled()
        return answer(payload)

    async def all_orders(self, signed: Signed) -> web.Response:
        symbol, parameters = self._symbol(signed), signed.parameters
        known = signed.account.orders_by_symbol.get(symbol, [])
        limit, first = parameters.limit(500, 1000), parameters.integer("orderId")
        since, until = parameters.integer("startTime"), parameters.integer("endTime")
        if first is not None:
            chosen = known[bisect_left(known, first, key=lambda order: order.id) :][:limit]
        else:
            chosen = between(known, since, until, limit, lambda order: order.placed_at)
        payload = [orders.order_status(order) for order in chosen]
        await self._venue.settled()
        return answer(payload)

    async def my_trades(self, signed: Signed) -> web.Response:
        symbol, parameters = self._symbol(signed), signed.parameters
        known: Sequence[Fill] = signed.account.fills.get(symbol, [])
        limit, first = parameters.limit(500, 1000), parameters.integer("fromId")
        since, until = parameters.integer("startTime"), parameters.integer("endTime")
        number = parameters.integer("orderId")
        if first is not None:
            known = known[bisect_left(known, first, key=lambda fill: fill.trade.trade) :]
        if number is not None:
            known = [fill for fill in known if fill.order.id == number]
        chosen = known[:limit] if first is not None else between(known, since, until, limit, lambda fill: fill.trade.at)
        payload = [orders.own_trade(fill, self._assets(fill.order)) for fill in chosen]
        await self._venue.settled()
        return answer(payload)

    async def information(self, signed: Signed) -> web.Response:
        pairs = [market.pair for market in self._venue.exchange.state.markets.values()]
        assets = {pair.base for pair in pairs} | {pair.quote for pair in pairs}
        omit_zero = signed.parameters.flag("omitZeroBalances")
        payload = orders.account_information(signed.account, assets, omit_zero=omit_zero)
        await self._venue.settled()
        return answer(payload)

    def _symbol(self, signed: Signed) -> str:
        return self._venue.exchange.state.market(signed.parameters.text("symbol")).pair.symbol

    def _assets(self, order: Order) -> tuple[str, str]:
        pair = self._venue.exchange.state.market(order.symbol).pair
        return pair.base, pair.quote


def read_order(signed: Signed) -> PlaceOrder:
    """The order a request asks for. Raises Refused for missing, malformed or contradicting parameters."""
    sent = signed.parameters
    symbol = sent.text("symbol")
    side = sent.choice("side", Side, Refused(-1117, "Invalid side."))
    kind = sent.choice("type", OrderType, Refused(-1116, "Invalid orderType."))
    in_force, price, quantity, quote_quantity = TimeInForce.GTC, ZERO, ZERO, ZERO
    if kind is OrderType.LIMIT:
        in_force = sent.choice("timeInForce", TimeInForce, Refused(-1115, "Invalid timeInForce."))
    else:
        sent.refuse("timeInForce")
    if kind is OrderType.MARKET:
        sent.refuse("price")
    else:
        price = sent.amount("price")
        sent.refuse("quoteOrderQty")
    if kind is OrderType.MARKET and sent.get("quoteOrderQty") is not None:
        sent.refuse("quantity")
        quote_quantity = sent.amount("quoteOrderQty")
        if quote_quantity == ZERO:
            raise Refused(-1013, "Invalid quantity.")
    else:
        quantity = sent.amount("quantity")
    prevention = sent.choice(
        "selfTradePreventionMode",
        SelfTrade,
        Refused(-2010, "This symbol does not allow the specified self-trade prevention mode."),
        SelfTrade.EXPIRE_MAKER,
    )
    client_id = sent.client_id("newClientOrderId") or ""
    return PlaceOrder(signed.account.id, symbol, side, kind, quantity, price, quote_quantity, in_force, client_id, prevention)


def named(parameters: Parameters) -> tuple[int | None, str | None]:
    """How a request names an order: by exchange id, client id or both. Raises Refused when it does not."""
    number, client_id = parameters.integer("orderId"), parameters.get("origClientOrderId")
    if number is None and client_id is None:
        raise missing("origClientOrderId") if parameters.get("symbol") else missing("symbol")
    return number, client_id


def between[T](known: Sequence[T], since: int | None, until: int | None, limit: int, time: Callable[[T], int]) -> list[T]:
    """Entries of a time-ordered list between two times (inclusive): the first ones after `since`, else the latest."""
    start = 0 if since is None else bisect_left(known, since, key=time)
    end = len(known) if until is None else bisect_left(known, until + 1, key=time)
    return list(known[start:end][:limit] if since is not None else known[max(start, end - limit) : end])
