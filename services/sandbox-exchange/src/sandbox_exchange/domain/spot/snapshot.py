"""The state of the exchange as records, and back: what the journal up to some point comes to.

Market maker quotes are not part of it; the market maker puts them back when it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from sandbox_exchange.domain.spot.accounts import Account, Balance
from sandbox_exchange.domain.spot.events import PriceSet, Traded, from_record, to_record
from sandbox_exchange.domain.spot.orders import Order, OrderType, SelfTrade, Side, Status, TimeInForce
from sandbox_exchange.domain.spot.state import State


def dump(state: State) -> Iterator[dict[str, object]]:
    """The state as records in the order `load` needs: accounts, orders by id, trades by id, prices set, totals."""
    for account in state.accounts.values():
        yield {"account": _account_record(account)}
    for order in state.orders.values():
        yield {"order": _order_record(order)}
    trades = [trade for market in state.markets.values() for group in market.trades.values() for trade in group]
    for trade in sorted(trades, key=lambda trade: trade.trade):
        yield {"trade": to_record(trade)}
    for market in state.markets.values():
        for change in market.prices_set:
            yield {"price": to_record(change)}
    yield {"totals": {"fees": _amounts(state.fees), "house": _amounts(state.house), "last_order": state.last_order}}


def load(state: State, records: Iterable[Mapping[str, Any]]) -> None:
    """Fill an empty state from the records of `dump`."""
    for record in records:
        ((kind, body),) = record.items()
        if kind == "account":
            _load_account(state, body)
        elif kind == "order":
            state.restore(_order(body))
        elif kind == "trade":
            trade = from_record(body)
            assert isinstance(trade, Traded)  # noqa: S101 - `dump` wrote it
            state.recall(trade)
        elif kind == "price":
            change = from_record(body)
            assert isinstance(change, PriceSet)  # noqa: S101 - `dump` wrote it
            state.markets[change.symbol].prices_set.append(change)
        else:
            state.fees = {asset: Decimal(amount) for asset, amount in body["fees"].items()}
            state.house = {asset: Decimal(amount) for asset, amount in body["house"].items()}
            state.last_order = body["last_order"]


def _amounts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {asset: format(amount, "f") for asset, amount in amounts.items()}


def _account_record(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "api_key": account.api_key,
        "api_secret": account.api_secret,
        "opened_at": account.opened_at,
        "updated_at": account.updated_at,
        "balances": {asset: [format(b.free, "f"), format(b.locked, "f")] for asset, b in account.balances.items()},
    }


def _load_account(state: State, body: Mapping[str, Any]) -> None:
    balances = {asset: Balance(Decimal(free), Decimal(locked)) for asset, (free, locked) in body["balances"].items()}
    account = Account(body["id"], body["api_key"], body["api_secret"], body["opened_at"], body["updated_at"], balances=balances)
    state.accounts[account.id] = state.by_api_key[account.api_key] = account


def _order_record(order: Order) -> list[object]:
    return [
        order.id, order.account, order.symbol, order.side, order.type, order.time_in_force, format(order.price, "f"),
        format(order.quantity, "f"), format(order.quote_quantity, "f"), order.client_order_id, order.self_trade,
        order.placed_at, order.updated_at, order.status, format(order.executed, "f"), format(order.quote_executed, "f"),
    ]  # fmt: skip


def _order(body: list[Any]) -> Order:
    (number, account, symbol, side, kind, in_force, price, quantity, quote_quantity, client_id, self_trade, placed_at,
     updated_at, status, executed, quote_executed) = body  # fmt: skip
    return Order(
        number, account, symbol, Side(side), OrderType(kind), TimeInForce(in_force), Decimal(price), Decimal(quantity),
        Decimal(quote_quantity), client_id, SelfTrade(self_trade), placed_at, updated_at, Status(status),
        Decimal(executed), Decimal(quote_executed),
    )  # fmt: skip
