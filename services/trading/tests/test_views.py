"""The orders table says what the domain says, whatever happened, and a replay makes the same rows."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from contracts.message import Metadata
from contracts.rejections import Rejection
from eventlog.execute import execute
from eventlog.log import EventLog
from order_examples import ID, T, external, fill, place, report
from trading.domain.order import ORDER
from trading.domain.order_commands import (
    Action,
    Heard,
    OrderCommand,
    RecordCancelled,
    RecordCancelRefused,
    RecordRefused,
    RecordSubmitted,
    RecordUnproven,
    RequestCancel,
)
from trading.views.order_book import SessionOrders
from trading.views.orders import OrdersView
from trading.views.trades import TradesView


def anything(dice: random.Random) -> OrderCommand:
    heard = report(
        dice.choice(list(Heard)), asked=dice.random() < 0.5, settled=dice.random() < 0.3, fills_read=dice.random() < 0.3
    )
    return dice.choice(
        [
            fill(str(dice.randint(1, 6)), dice.choice(["0.1", "0.3", "0.333333333333333333333"]), "99.99"),
            heard,
            heard,
            RecordUnproven(action=dice.choice(list(Action)), reason="time-out"),
            RecordSubmitted(exchange_order_id="7", time=T),
            RecordRefused(reason="no money", evidence="-2010"),
            RequestCancel(order_id=ID, account="main", connector="binance"),
            RecordCancelled(reason="cancelled", evidence="DELETE", time=T),
            RecordCancelRefused(reason="no"),
            external(),
        ]
    )


def named(command: Any, order_id: str) -> Any:
    return command.model_copy(update={"order_id": order_id}) if hasattr(command, "order_id") else command


async def test_every_row_equals_the_folded_state_and_survives_a_replay(log: EventLog) -> None:
    dice = random.Random(2026)
    for number in range(40):
        order_id = f"order{number}"
        first = place() if number % 3 else anything(dice)
        for command in [first, *(anything(dice) for _ in range(12))]:
            try:
                done = await execute(log, ORDER, f"trading.order-{order_id}", named(command, order_id), Metadata())
            except Rejection:
                continue
            await _same(log, order_id, done.state)
    rows = await _rows(log)
    assert len({row["status"] for row in rows if row["known"]}) >= 5
    await log.replay(OrdersView())
    await log.replay(TradesView())
    assert await _rows(log) == rows


async def _same(log: EventLog, order_id: str, state: Any) -> None:
    rows = await log.fetch("SELECT * FROM orders WHERE order_id = $1", order_id)
    if not rows:
        assert state.origin is None
        assert not state.trade_ids
        return
    row = rows[0]
    assert row["known"] == (state.origin is not None)
    assert row["status"] == state.status.value
    assert row["filled_amount"] == state.filled_amount
    assert row["filled_quote"] == state.filled_quote
    assert row["exchange_order_id"] == state.exchange_order_id
    trades = await log.fetch("SELECT exchange_trade_id FROM trades WHERE order_id = $1", order_id)
    assert {trade[0] for trade in trades} == state.trade_ids


async def _rows(log: EventLog) -> list[Any]:
    orders = await log.fetch("SELECT * FROM orders ORDER BY order_id")
    return [*orders, *await log.fetch("SELECT *, true AS known, '' AS status FROM trades ORDER BY trade_id")]


async def test_what_the_handlers_ask_of_the_tables(log: EventLog) -> None:
    for name, pair in (("a", "BTC-USDT"), ("b", "ETH-USDT"), ("c", "ETH-USDT")):
        command = place(trading_pair=pair)
        await execute(log, ORDER, f"trading.order-{name}", named(command, name), Metadata())
    await execute(log, ORDER, "trading.order-c", RecordSubmitted(exchange_order_id="9", time=T), Metadata())
    await execute(log, ORDER, "trading.order-c", named(fill("1", "1"), "c"), Metadata())
    stored = SessionOrders(log, "main", "binance")
    assert [row.order_id for row in await stored.open()] == ["a", "b"]
    assert [row.order_id for row in await stored.open("ETH-USDT")] == ["b"]
    assert await stored.count_open() == 2
    assert await stored.pairs() == ["BTC-USDT", "ETH-USDT"]
    found = await stored.by_exchange_order_ids(["9", "10"])
    assert {key: (row.order_id, row.filled_amount) for key, row in found.items()} == {"9": ("c", Decimal(1))}
    assert await stored.trade_ids_since("BTC-USDT", T) == {"1"}
    assert await stored.by_client_order_id("b") is not None
    assert await SessionOrders(log, "other", "binance").by_order_id("b") is None
    assert await SessionOrders(log, "main", "kraken").pairs() == []
