"""Orders, trades and balances of an account as Binance's REST answers show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sandbox_exchange.domain.spot.accounts import Account, Balance, Fill
from sandbox_exchange.domain.spot.orders import Order
from sandbox_exchange.domain.wire.amounts import amount

NOTHING = Balance()


def order_status(order: Order) -> dict[str, object]:
    """An order as `GET /api/v3/order` answers it."""
    return {
        **_identity(order),
        **_progress(order),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.placed_at,
        "updateTime": order.updated_at,
        "isWorking": True,
        "workingTime": order.placed_at,
    }


def order_placed(order: Order, at: int, fills: Sequence[Fill], assets: tuple[str, str], detail: str) -> dict[str, object]:
    """The answer to a new order in `detail` ACK, RESULT or FULL. `assets` are base and quote."""
    answer = {**_identity(order), "transactTime": at}
    if detail == "ACK":
        return answer
    answer |= {**_progress(order), "workingTime": order.placed_at}
    if detail == "FULL":
        answer["fills"] = [
            {
                "price": amount(fill.trade.price),
                "qty": amount(fill.trade.quantity),
                "commission": amount(fill.commission),
                "commissionAsset": commission_asset(order, assets),
                "tradeId": fill.trade.trade,
            }
            for fill in fills
        ]
    return answer


def order_cancelled(order: Order, at: int, cancel_id: str) -> dict[str, object]:
    """The answer to a cancel: the order's own client id is `origClientOrderId`."""
    return {
        **_identity(order),
        **_progress(order),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": cancel_id,
        "transactTime": at,
    }


def own_trade(fill: Fill, assets: tuple[str, str]) -> dict[str, object]:
    """A fill as `GET /api/v3/myTrades` answers it."""
    order, trade = fill.order, fill.trade
    return {
        "symbol": trade.symbol,
        "id": trade.trade,
        "orderId": order.id,
        "orderListId": -1,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(fill.quote_quantity),
        "commission": amount(fill.commission),
        "commissionAsset": commission_asset(order, assets),
        "time": trade.at,
        "isBuyer": order.side == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def account_information(account: Account, assets: Iterable[str], *, omit_zero: bool) -> dict[str, object]:
    """The account as `GET /api/v3/account` answers it: every listed asset, and any other it ever held."""
    names = sorted(set(assets) | set(account.balances))
    held = [(name, account.balances.get(name, NOTHING)) for name in names]
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"},
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.updated_at,
        "accountType": "SPOT",
        "balances": [
            {"asset": name, "free": amount(balance.free), "locked": amount(balance.locked)}
            for name, balance in held
            if not omit_zero or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": int(account.id),
    }


def commission_asset(order: Order, assets: tuple[str, str]) -> str:
    """The asset a fee is taken in: the one the order receives."""
    return assets[0] if order.side == "BUY" else assets[1]


def _identity(order: Order) -> dict[str, object]:
    return {"symbol": order.symbol, "orderId": order.id, "orderListId": -1, "clientOrderId": order.client_order_id}


def _progress(order: Order) -> dict[str, object]:
    return {
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.executed),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "cummulativeQuoteQty": amount(order.quote_executed),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": order.self_trade,
    }
