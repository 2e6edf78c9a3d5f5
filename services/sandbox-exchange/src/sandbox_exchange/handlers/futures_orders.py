"""Futures, signed: orders and trades of an account, `/fapi/v1`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from aiohttp import web

from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, FuturesFill
from sandbox_exchange.domain.perpetual.commands import PlaceOrder
from sandbox_exchange.domain.perpetual.events import OrderAccepted
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.positions import PositionSide
from sandbox_exchange.domain.refusals import Refused, no_such_order
from sandbox_exchange.domain.spot.commands import CancelAll, CancelOrder
from sandbox_exchange.domain.spot.orders import ZERO, OrderType, SelfTrade, Side, TimeInForce
from sandbox_exchange.domain.wire import futures_orders
from sandbox_exchange.handlers.doors import answer
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.signing import Signed, signed_by
from sandbox_exchange.handlers.spot_account import between, named

DETAILS = {"ACK", "RESULT"}
POST_ONLY = "GTX"
EVERYTHING_CANCELLED = {"code": 200, "msg": "The operation of cancel all open order is done."}


class FuturesOrders:
    """Orders and trades over REST."""

    def __init__(self, venue: FuturesVenue) -> None:
        self._venue = venue

    def routes(self) -> list[web.RouteDef]:
        calls = (
            ("POST", "order", self.place),
            ("GET", "order", self.status),
            ("DELETE", "order", self.cancel),
            ("GET", "openOrders", self.open_orders),
            ("DELETE", "allOpenOrders", self.cancel_all),
            ("GET", "allOrders", self.all_orders),
            ("GET", "userTrades", self.user_trades),
        )
        return [web.route(method, f"/fapi/v1/{name}", signed_by(self._venue.spot, handler)) for method, name, handler in calls]

    async def place(self, signed: Signed) -> web.Response:
        command = read_order(signed)
        detail = signed.parameters.get("newOrderRespType") or "ACK"
        if detail not in DETAILS:
            raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        accepted = self._venue.tell(command)[0]
        assert isinstance(accepted, OrderAccepted)  # noqa: S101 - a placed order is accepted first
        order = self._venue.exchange.state.orders[accepted.order]
        # Rendered before waiting for the disk: the answer is the outcome of this command, not of later ones.
        payload = futures_orders.order_placed(order) if detail == "ACK" else futures_orders.order_status(order)
        await self._venue.settled()
        return answer(payload)

    async def status(self, signed: Signed) -> web.Response:
        order = self._find(signed)
        if order is None:
            raise no_such_order()
        payload = futures_orders.order_status(order)
        await self._venue.settled()
        return answer(payload)

    async def cancel(self, signed: Signed) -> web.Response:
        number, client_id = named(signed.parameters)
        self._venue.tell(CancelOrder(signed.account.id, self._symbol(signed), number, client_id))
        order = self._find(signed)
        assert order is not None  # noqa: S101 - it was just cancelled
        payload = futures_orders.order_status(order)
        await self._venue.settled()
        return answer(payload)

    async def cancel_all(self, signed: Signed) -> web.Response:
        await self._venue.execute(CancelAll(signed.account.id, self._symbol(signed)))
        return answer(EVERYTHING_CANCELLED)

    async def open_orders(self, signed: Signed) -> web.Response:
        symbol = None if signed.parameters.get("symbol") is None else self._symbol(signed)
        found = [order for order in self._account(signed).open_orders.values() if symbol in (None, order.symbol)]
        payload = [futures_orders.order_status(order) for order in found]
        await self._venue.settled()
        return answer(payload)

    async def all_orders(self, signed: Signed) -> web.Response:
        parameters = signed.parameters
        known = self._account(signed).orders_by_symbol.get(self._symbol(signed), [])
        limit, first = parameters.limit(500, 1000), parameters.integer("orderId")
        if first is not None:
            chosen = known[bisect_left(known, first, key=lambda order: order.id) :][:limit]
        else:
            since, until = parameters.integer("startTime"), parameters.integer("endTime")
            chosen = between(known, since, until, limit, lambda order: order.placed_at)
        payload = [futures_orders.order_status(order) for order in chosen]
        await self._venue.settled()
        return answer(payload)

    async def user_trades(self, signed: Signed) -> web.Response:
        parameters = signed.parameters
        known: Sequence[FuturesFill] = self._account(signed).fills.get(self._symbol(signed), [])
        limit, first, number = parameters.limit(500, 1000), parameters.integer("fromId"), parameters.integer("orderId")
        if first is not None:
            known = known[bisect_left(known, first, key=lambda fill: fill.trade.trade) :]
        if number is not None:
            known = [fill for fill in known if fill.order.id == number]
        since, until = parameters.integer("startTime"), parameters.integer("endTime")
        chosen = known[:limit] if first is not None else between(known, since, until, limit, lambda fill: fill.trade.at)
        payload = [futures_orders.own_trade(fill) for fill in chosen]
        await self._venue.settled()
        return answer(payload)

    def _find(self, signed: Signed) -> FuturesOrder | None:
        number, client_id = named(signed.parameters)
        return self._account(signed).find(self._symbol(signed), number, client_id)

    def _account(self, signed: Signed) -> FuturesAccount:
        return self._venue.exchange.state.account(signed.account.id)

    def _symbol(self, signed: Signed) -> str:
        return self._venue.exchange.state.market(signed.parameters.text("symbol")).pair.symbol


def read_order(signed: Signed) -> PlaceOrder:
    """The order a request asks for. Raises Refused for missing, malformed or contradicting parameters."""
    sent = signed.parameters
    symbol = sent.text("symbol")
    side = sent.choice("side", Side, Refused(-1117, "Invalid side."))
    kind = sent.choice("type", OrderType, Refused(-1116, "Invalid orderType."))
    if kind is OrderType.LIMIT_MAKER:
        raise Refused(-1116, "Invalid orderType.")
    if sent.flag("closePosition"):
        raise Refused(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
    in_force, price = TimeInForce.GTC, ZERO
    if kind is OrderType.MARKET:
        sent.refuse("timeInForce", "price")
    else:
        price = sent.amount("price")
        if sent.get("timeInForce") == POST_ONLY:
            kind = OrderType.LIMIT_MAKER
        else:
            in_force = sent.choice("timeInForce", TimeInForce, Refused(-1115, "Invalid timeInForce."))
    quantity = sent.amount("quantity")
    position_side = sent.choice(
        "positionSide", PositionSide, Refused(-4060, "Invalid position side."), PositionSide.BOTH
    )  # fmt: skip
    prevention = sent.choice(
        "selfTradePreventionMode", SelfTrade, Refused(-4234, "Invalid self trade prevention mode."), SelfTrade.EXPIRE_MAKER
    )
    client_id = sent.client_id("newClientOrderId") or ""
    return PlaceOrder(
        signed.account.id, symbol, side, kind, quantity, price, in_force, client_id, prevention, position_side,
        reduce_only=sent.flag("reduceOnly"),
    )  # fmt: skip
