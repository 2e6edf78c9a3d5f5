"""What an account's futures user stream says about each event: orders, wallet, positions, margin and settings."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox_exchange.domain.perpetual import margin
from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, PositionKey
from sandbox_exchange.domain.perpetual.contracts import MARGIN_ASSET
from sandbox_exchange.domain.perpetual.events import LeverageSet, Traded
from sandbox_exchange.domain.perpetual.margin import Markets
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.spot.events import OrderClosed
from sandbox_exchange.domain.spot.orders import ZERO, Status
from sandbox_exchange.domain.wire.amounts import amount
from sandbox_exchange.domain.wire.futures_orders import average_price, order_type, time_in_force


def order_accepted(order: FuturesOrder) -> dict[str, object]:
    """The report of a new order."""
    return _report(order, "NEW", order.placed_at)


def order_traded(order: FuturesOrder, trade: Traded) -> dict[str, object]:
    """The report of one fill; call while the order is in the state right after it."""
    is_maker = trade.maker == order.id
    details = {
        "l": amount(trade.quantity),
        "L": amount(trade.price),
        "N": MARGIN_ASSET,
        "n": amount(trade.maker_fee if is_maker else trade.taker_fee),
        "t": trade.trade,
        "m": is_maker,
        "rp": amount(trade.maker_profit if is_maker else trade.taker_profit),
    }
    return _report(order, "CALCULATED" if order.is_liquidation else "TRADE", trade.at, details)


def order_closed(order: FuturesOrder, event: OrderClosed) -> dict[str, object]:
    """The report of an order's end."""
    execution = {Status.CANCELED: "CANCELED", Status.EXPIRED_IN_MATCH: "TRADE_PREVENTION"}.get(event.status, "EXPIRED")
    return _report(order, execution, event.at)


def account_update(
    account: FuturesAccount, markets: Markets, reason: str, change: Decimal, touched: Iterable[PositionKey], at: int
) -> dict[str, object]:
    """An `ACCOUNT_UPDATE`: the wallet, and the positions that a trade changed.

    `change` is what the wallet changed by other than by profit and fees: a transfer, funding, or the insurance fund.
    """
    balances = [{"a": MARGIN_ASSET, "wb": amount(account.wallet), "cw": amount(account.wallet), "bc": amount(change)}]
    positions = [_position(account, markets, key) for key in touched]
    return {"e": "ACCOUNT_UPDATE", "E": at, "T": at, "a": {"m": reason, "B": balances, "P": positions}}


def margin_call(account: FuturesAccount, markets: Markets, at: int) -> dict[str, object]:
    """A `MARGIN_CALL` with every open position."""
    positions = []
    for symbol, side in margin.held(account):
        figures = margin.of_position(account, markets[symbol], side)
        positions.append(
            {
                "s": symbol, "ps": side, "pa": amount(account.position(symbol, side).amount), "mt": "CROSSED", "iw": "0",
                "mp": amount(markets[symbol].mark), "up": amount(figures.unrealised), "mm": amount(figures.maintenance),
            }
        )  # fmt: skip
    return {"e": "MARGIN_CALL", "E": at, "cw": amount(account.wallet), "p": positions}


def leverage_set(event: LeverageSet) -> dict[str, object]:
    """An `ACCOUNT_CONFIG_UPDATE` after a change of leverage."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": event.at, "T": event.at, "ac": {"s": event.symbol, "l": event.leverage}}


def listen_key_expired(listen_key: str, at: int) -> dict[str, object]:
    """A `listenKeyExpired`: nothing more is told."""
    return {"e": "listenKeyExpired", "E": at, "listenKey": listen_key}


def _position(account: FuturesAccount, markets: Markets, key: PositionKey) -> dict[str, object]:
    symbol, side = key
    position = account.position(symbol, side)
    return {
        "s": symbol,
        "pa": amount(position.amount),
        "ep": amount(position.entry_price),
        "bep": amount(position.entry_price),
        "cr": amount(account.realised.get(key, ZERO)),
        "up": amount(position.unrealised(markets[symbol].mark)),
        "mt": "cross",
        "iw": "0",
        "ps": side,
        "ma": MARGIN_ASSET,
    }


def _report(order: FuturesOrder, execution: str, at: int, trade: dict[str, object] | None = None) -> dict[str, object]:
    body = {
        "s": order.symbol, "c": order.client_order_id, "S": order.side,
        "o": "LIQUIDATION" if order.is_liquidation else order_type(order), "f": time_in_force(order),
        "q": amount(order.quantity), "p": amount(order.price), "ap": amount(average_price(order)), "sp": "0", "x": execution,
        "X": order.status, "i": order.id, "l": "0", "z": amount(order.executed), "L": "0", "T": at, "t": 0, "b": "0", "a": "0",
        "m": False, "R": order.reduce_only, "wt": "CONTRACT_PRICE", "ot": order_type(order), "ps": order.position_side,
        "cp": False, "rp": "0", "pP": False, "si": 0, "ss": 0, "V": order.self_trade, "pm": "NONE", "gtd": 0,
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": at, "T": at, "o": body | (trade or {})}
