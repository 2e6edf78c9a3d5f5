"""What an account's user stream says about each event: execution reports and balances."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.spot.events import OrderClosed, Traded
from sandbox_exchange.domain.spot.orders import ZERO, Order, Status
from sandbox_exchange.domain.wire.amounts import amount
from sandbox_exchange.domain.wire.orders import NOTHING, commission_asset


def order_accepted(order: Order) -> dict[str, object]:
    """The report of a new order."""
    return _report(order, "NEW", order.placed_at, order.placed_at) | {"X": Status.NEW}


def order_traded(order: Order, trade: Traded, assets: tuple[str, str]) -> dict[str, object]:
    """The report of one fill; call while the order is in the state right after it. `assets` are base and quote."""
    is_maker = trade.maker == order.id
    fee = trade.maker_fee if is_maker else trade.taker_fee
    return _report(order, "TRADE", trade.at, trade.trade) | {
        "l": amount(trade.quantity),
        "L": amount(trade.price),
        "Y": amount(trade.price * trade.quantity),
        "n": amount(fee),
        "N": commission_asset(order, assets),
        "t": trade.trade,
        "m": is_maker,
    }


def order_closed(order: Order, event: OrderClosed) -> dict[str, object]:
    """The report of an order's end. For a cancel `c` names the cancel request and `C` the order."""
    if event.status is not Status.CANCELED:
        return _report(order, str("TRADE_PREVENTION" if event.status is Status.EXPIRED_IN_MATCH else "EXPIRED"), event.at, 0)
    cancel_id = event.cancel_id or f"cancel{order.id}"
    return _report(order, "CANCELED", event.at, 0) | {"c": cancel_id, "C": order.client_order_id}


def account_position(account: Account, assets: Iterable[str], at: int) -> dict[str, object]:
    """The balances of the assets that may have changed."""
    held = [(asset, account.balances.get(asset, NOTHING)) for asset in assets]
    balances = [{"a": asset, "f": amount(balance.free), "l": amount(balance.locked)} for asset, balance in held]
    return {"e": "outboundAccountPosition", "E": at, "u": account.updated_at, "B": balances}


def balance_update(asset: str, change: Decimal, at: int) -> dict[str, object]:
    """A deposit (positive) or a withdrawal (negative)."""
    return {"e": "balanceUpdate", "E": at, "a": asset, "d": amount(change), "T": at}


def _report(order: Order, execution: str, at: int, execution_id: int) -> dict[str, object]:
    return {
        "e": "executionReport", "E": at, "s": order.symbol, "c": order.client_order_id, "S": order.side, "o": order.type,
        "f": order.time_in_force, "q": amount(order.quantity), "p": amount(order.price), "P": "0.00000000",
        "F": "0.00000000", "g": -1, "C": "", "x": execution, "X": order.status, "r": "NONE", "i": order.id,
        "l": "0.00000000", "z": amount(order.executed), "L": "0.00000000", "n": "0", "N": None, "T": at, "t": -1,
        "I": execution_id, "w": order.is_open and order.rests, "m": False, "M": False, "O": order.placed_at,
        "Z": amount(order.quote_executed), "Y": amount(ZERO), "Q": amount(order.quote_quantity), "W": order.placed_at,
        "V": order.self_trade,
    }  # fmt: skip
