"""The state of the futures exchange as records, and back: what the journal up to some point comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sandbox_exchange.domain.perpetual.accounts import FuturesAccount, Income, IncomeType
from sandbox_exchange.domain.perpetual.events import FundingSettled, Traded, from_record, to_record
from sandbox_exchange.domain.perpetual.orders import FuturesOrder
from sandbox_exchange.domain.perpetual.positions import Position, PositionSide
from sandbox_exchange.domain.perpetual.state import State
from sandbox_exchange.domain.spot.orders import ZERO, OrderType, SelfTrade, Side, Status, TimeInForce


def dump(state: State) -> Iterator[dict[str, object]]:
    """The state as records in the order `load` needs: accounts, orders by id, trades by id, fundings, counters."""
    for account in state.accounts.values():
        yield {"account": _account_record(account)}
    for order in state.orders.values():
        yield {"order": _order_record(order)}
    trades = [trade for market in state.markets.values() for group in market.trades.values() for trade in group]
    for trade in sorted(trades, key=lambda trade: trade.trade):
        assert isinstance(trade, Traded)  # noqa: S101 - a contract's tape has nothing else
        yield {"trade": to_record(trade)}
    for market in state.markets.values():
        for funding in market.fundings:
            yield {"funding": to_record(funding)}
    yield {"counters": [state.last_order, state.last_tran, state.funding_seconds, state.paced_at]}


def load(state: State, record: Mapping[str, Any]) -> None:
    """Put one record of `dump` into a state; they come in its order."""
    ((kind, body),) = record.items()
    if kind == "account":
        account = _account(body)
        state.accounts[account.id] = account
    elif kind == "order":
        state.restore(_order(body))
    elif kind == "counters":
        state.last_order, state.last_tran, state.funding_seconds, state.paced_at = body
    else:
        event = from_record(body)
        if isinstance(event, Traded):
            state.recall(event)
        else:
            assert isinstance(event, FundingSettled)  # noqa: S101 - `dump` wrote it
            state.markets[event.symbol].fundings.append(event)


def _account_record(account: FuturesAccount) -> dict[str, object]:
    return {
        "id": account.id,
        "updated_at": account.updated_at,
        "wallet": format(account.wallet, "f"),
        "hedge": account.hedge,
        "leverages": account.leverages,
        "positions": [[*key, format(held.amount, "f"), format(held.cost, "f")] for key, held in account.positions.items()],
        "income": [
            [each.type, each.symbol, format(each.amount, "f"), each.tran, each.trade, each.at, each.position_side]
            for each in account.income
        ],
    }


def _account(body: Mapping[str, Any]) -> FuturesAccount:
    return FuturesAccount(
        body["id"],
        body["updated_at"],
        Decimal(body["wallet"]),
        body["hedge"],
        dict(body["leverages"]),
        {
            (symbol, PositionSide(side)): Position(Decimal(amount), Decimal(cost))
            for symbol, side, amount, cost in body["positions"]
        },
        income=[
            Income(IncomeType(kind), symbol, Decimal(amount), tran, trade, at, PositionSide(side))
            for kind, symbol, amount, tran, trade, at, side in body["income"]
        ],
    )


def _order_record(order: FuturesOrder) -> list[object]:
    return [
        order.id, order.account, order.symbol, order.side, order.type, order.time_in_force, format(order.price, "f"),
        format(order.quantity, "f"), order.client_order_id, order.self_trade, order.placed_at, order.updated_at, order.status,
        format(order.executed, "f"), format(order.quote_executed, "f"), order.position_side, order.reduce_only,
    ]  # fmt: skip


def _order(body: list[Any]) -> FuturesOrder:
    (number, account, symbol, side, kind, in_force, price, quantity, client_id, self_trade, placed_at, updated_at, status,
     executed, quote_executed, position_side, reduce_only) = body  # fmt: skip
    return FuturesOrder(
        number, account, symbol, Side(side), OrderType(kind), TimeInForce(in_force), Decimal(price), Decimal(quantity), ZERO,
        client_id, SelfTrade(self_trade), placed_at, updated_at, Status(status), Decimal(executed), Decimal(quote_executed),
        PositionSide(position_side), reduce_only,
    )  # fmt: skip
