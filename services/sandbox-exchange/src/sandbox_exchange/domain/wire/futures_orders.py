"""Futures orders and trades of an account as Binance's REST answers show them."""

from __future__ import annotations

from decimal import Decimal

from sandbox_exchange.domain.perpetual.accounts import FuturesFill
from sandbox_exchange.domain.perpetual.contracts import MARGIN_ASSET
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.positions import quotient
from sandbox_exchange.domain.spot.orders import ZERO, OrderType, Side, Status
from sandbox_exchange.domain.wire.amounts import amount


def average_price(order: FuturesOrder) -> Decimal:
    """The average price of what was traded, rounded to eight decimals; zero before."""
    return quotient(order.quote_executed, order.executed) if order.executed else ZERO


def order_type(order: FuturesOrder) -> str:
    """The order's type on the wire: a post-only order is a limit order there."""
    return "LIMIT" if order.is_limit else "MARKET"


def time_in_force(order: FuturesOrder) -> str:
    """The order's time in force on the wire, where post-only is one."""
    return "GTX" if order.type is OrderType.LIMIT_MAKER else str(order.time_in_force)


def order_status(order: FuturesOrder) -> dict[str, object]:
    """An order as `GET /fapi/v1/order` answers it, and as a cancel answers it."""
    return {
        **order_placed(order),
        "avgPrice": amount(average_price(order)),
        "executedQty": amount(order.executed),
        "cumQty": amount(order.executed),
        "cumQuote": amount(order.quote_executed),
        "status": order.status,
        "updateTime": order.updated_at,
        "time": order.placed_at,
    }


def order_placed(order: FuturesOrder) -> dict[str, object]:
    """The acknowledgement (ACK) of a new order: as it was accepted, before it traded."""
    return {
        "orderId": order.id, "symbol": order.symbol, "status": Status.NEW, "clientOrderId": order.client_order_id,
        "price": amount(order.price), "avgPrice": "0.00", "origQty": amount(order.quantity), "executedQty": amount(ZERO),
        "cumQty": amount(ZERO), "cumQuote": amount(ZERO), "timeInForce": time_in_force(order), "type": order_type(order),
        "origType": order_type(order), "reduceOnly": order.reduce_only, "closePosition": False, "side": order.side,
        "positionSide": order.position_side, "stopPrice": "0.00", "workingType": "CONTRACT_PRICE", "priceProtect": False,
        "priceMatch": "NONE", "selfTradePreventionMode": order.self_trade, "goodTillDate": 0, "updateTime": order.placed_at,
    }  # fmt: skip


def own_trade(fill: FuturesFill) -> dict[str, object]:
    """A fill as `GET /fapi/v1/userTrades` answers it."""
    order, trade = fill.order, fill.trade
    return {
        "symbol": trade.symbol, "id": trade.trade, "orderId": order.id, "side": order.side, "price": amount(trade.price),
        "qty": amount(trade.quantity), "realizedPnl": amount(fill.profit), "quoteQty": amount(fill.quote_quantity),
        "commission": amount(fill.commission), "commissionAsset": MARGIN_ASSET, "time": trade.at,
        "positionSide": order.position_side, "maker": fill.is_maker, "buyer": order.side is Side.BUY,
    }  # fmt: skip
