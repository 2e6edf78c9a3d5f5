"""Totals are what counting would say, after whatever happened to the rows, and whoever else is writing."""

# ruff: noqa: S608 - constants

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from contracts.message import Event, Metadata
from contracts.trading import (
    ActiveOrders,
    OrderCancelled,
    OrderCancelRefused,
    OrderCancelRequested,
    OrderOutcomeResolved,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderStatus,
    SearchOrders,
    SearchTrades,
    Side,
)
from eventlog.log import EventLog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from order_examples import ID, T, completed, filled, placed, recorded, submitted
from rig import new_log
from trading.views.order_pages import active_orders, search_orders
from trading.views.orders import OrdersView
from trading.views.trade_pages import search_trades
from trading.views.trades import TradesView

KEY = "source, day, account, connector, trading_pair, kind"
COUNTED = """
SELECT {table!r} AS source, coalesce(day, '-infinity') AS day, account, connector, trading_pair, kind, count(*) AS n
FROM (SELECT ({time} AT TIME ZONE 'UTC')::date AS day, account, connector, trading_pair, {kind} AS kind
    FROM {table} WHERE {where}) counted
GROUP BY GROUPING SETS ((day, account, connector, trading_pair, kind), (account, connector, trading_pair, kind))"""
COUNTS = " UNION ALL ".join(
    COUNTED.format(table=table, kind=kind, time=time, where=where)
    for table, kind, time, where in (("orders", "status", "created_at", "known"), ("trades", "side", "time", "true"))
)
LIFE: tuple[Event, ...] = (
    placed(),
    recorded(),
    submitted(),
    OrderOutcomeUnknown(order_id=ID, action="submit", reason="time-out"),
    OrderOutcomeUnknown(order_id=ID, action="cancel", reason="time-out"),
    OrderOutcomeResolved(order_id=ID, exchange_order_id="7", status=OrderStatus.OPEN, evidence="GET /order"),
    OrderCancelRequested(order_id=ID),
    OrderCancelRefused(order_id=ID, reason="no"),
    OrderCancelled(order_id=ID, reason="cancelled", time=T),
    OrderRejected(order_id=ID, reason="no money", evidence="-2010"),
    completed(),
)
FACTS = {"account": ("main", "other"), "connector": ("binance", "kraken"), "trading_pair": ("BTC-USDT", "ETH-USDT")}
NUMBERS = count()


async def assert_exact(log: EventLog) -> None:
    kept = [tuple(row) for row in await log.fetch(f"SELECT {KEY}, n FROM row_counts ORDER BY {KEY}")]
    assert kept == [tuple(row) for row in await log.fetch(f"SELECT * FROM ({COUNTS}) counted ORDER BY {KEY}")]
    assert not await log.fetch("SELECT FROM row_changes")


async def total(log: EventLog, search: Any, query: Any) -> int:
    return int(json.loads(await search(log, query))["pagination"]["total_count"])


def of(event: Event, order_id: str, facts: dict[str, str], trade: int) -> Event:
    changes: dict[str, Any] = {"order_id": order_id}
    if "account" in type(event).model_fields:
        changes |= facts
    if "trade_id" in type(event).model_fields:
        changes["trade_id"] = str(trade)
    if "time" in type(event).model_fields:
        changes["time"] = T + timedelta(hours=7 * trade)
    return event.model_copy(update=changes)


steps = st.lists(st.one_of(st.sampled_from(LIFE), st.just(filled("1", "0.25"))), min_size=1, max_size=8)
orders = st.lists(
    st.tuples(steps, st.fixed_dictionaries({key: st.sampled_from(each) for key, each in FACTS.items()})), max_size=6
)


@pytest.fixture
def running(database_url: str) -> Iterator[tuple[asyncio.Runner, EventLog]]:
    """A log on a loop of its own: hypothesis calls plain functions."""
    with asyncio.Runner() as runner:
        log = new_log(database_url)
        runner.run(log.start())
        yield runner, log
        runner.run(log.stop())


def test_counts_are_exact_after_any_events_in_any_order(running: tuple[asyncio.Runner, EventLog]) -> None:
    runner, log = running

    async def record(order_id: str, events: list[Event], facts: dict[str, str]) -> None:
        stored = [of(event, order_id, facts, number) for number, event in enumerate(events)]
        middle = len(stored) // 2
        await log.append(f"trading.order-{order_id}", 0, stored[:middle], Metadata())
        await log.append(f"trading.order-{order_id}", middle, stored[middle:], Metadata())

    async def all_of(drawn: list[tuple[list[Event], dict[str, str]]]) -> None:
        # Together: they share batches.
        await asyncio.gather(*(record(f"o{next(NUMBERS)}", events, facts) for events, facts in drawn))
        await assert_exact(log)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(orders)
    def holds(drawn: list[tuple[list[Event], dict[str, str]]]) -> None:
        runner.run(all_of(drawn))

    holds()


async def test_a_replay_leaves_the_counts(log: EventLog) -> None:
    for number in range(40):
        life = [placed(), submitted(), filled("1", "0.5"), *([completed()] if number % 3 else [])]
        events = [of(event, f"o{number}", {"account": f"a{number % 4}"}, number) for event in life]
        await log.append(f"trading.order-o{number}", 0, events, Metadata())
    before = await log.fetch(f"SELECT {KEY}, n FROM row_counts ORDER BY {KEY}")
    assert sum(row["n"] for row in before) == 2 * (40 + 40)
    for view in (OrdersView(), TradesView()):
        assert (await log.replay(view)).identical
        await assert_exact(log)
    assert await log.fetch(f"SELECT {KEY}, n FROM row_counts ORDER BY {KEY}") == before


async def test_two_logs_that_write_at_once_count_every_order_once(log: EventLog, database_url: str) -> None:
    other = new_log(database_url)
    await other.start()

    async def life(writer: EventLog, order_id: str, account: str) -> None:
        stream, facts = f"trading.order-{order_id}", {"account": account}
        version = 0
        for events in ([placed()], [submitted()], [filled("1", "0.5"), filled("2", "0.5"), completed()]):
            stored = [of(event, order_id, facts, number) for number, event in enumerate(events, version)]
            await writer.append(stream, version, stored, Metadata())
            version += len(stored)

    writers = {"left": log, "right": other}
    await asyncio.gather(*(life(writer, f"{name}{n}", f"a{n % 3}") for name, writer in writers.items() for n in range(150)))
    await assert_exact(log)
    assert await total(other, search_orders, SearchOrders(status="FILLED")) == 300
    assert await total(other, search_trades, SearchTrades(account_names=("a1",))) == 200
    await other.stop()


async def test_statements_by_hand_and_transactions_that_fail_leave_exact_counts(log: EventLog) -> None:
    for number in range(12):
        events = [of(event, f"o{number}", {}, number) for event in (placed(), submitted(), filled("1", "0.5"))]
        await log.append(f"trading.order-o{number}", 0, events, Metadata())
    async with log.pool.acquire() as connection:
        with suppress(ZeroDivisionError):
            async with connection.transaction():
                await connection.execute("DELETE FROM orders")
                raise ZeroDivisionError
        async with connection.transaction():
            await connection.execute("UPDATE orders SET closed = 'CANCELLED' WHERE order_id < 'o5'")
            assert await total(log, search_orders, SearchOrders(status="CANCELLED")) == 0
            with suppress(ZeroDivisionError):
                async with connection.transaction():
                    await connection.execute("DELETE FROM trades")
                    raise ZeroDivisionError
    await assert_exact(log)
    assert await total(log, search_orders, SearchOrders(status="cancelled")) == 7
    assert await total(log, active_orders, ActiveOrders()) == 5
    await log.fetch("UPDATE orders SET known = false, account = 'moved' WHERE order_id = 'o1'")
    await log.fetch("UPDATE trades SET side = 'SELL' WHERE order_id = 'o1'")
    await assert_exact(log)
    assert await total(log, search_trades, SearchTrades(trade_types=(Side.SELL,))) == 1


DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = (-60, -24, -1, 0, 1, 23, 24, 25, 48, 100)
SPREAD = """INSERT INTO orders (order_id, known, client_order_id, account, connector, trading_pair, side, order_type,
    amount, acknowledged, closed, created_at, updated_at)
SELECT 'o' || n, true, 'o' || n, 'a' || n % 2, 'binance', 'BTC-USDT', 'BUY', 'LIMIT', 1, true, NULL,
    $1::timestamptz + make_interval(hours => n), now() FROM generate_series(-50, 120) n"""


async def test_totals_within_times_count_whole_days_and_their_edges(log: EventLog) -> None:
    await log.fetch(SPREAD, DAY)
    times: list[datetime | None] = [None, *(DAY + timedelta(hours=hour) for hour in HOURS), DAY + timedelta(minutes=90)]
    times.append(datetime.max.replace(tzinfo=UTC))
    for start in times:
        for end in times:
            query = SearchOrders(limit=1, account_names=("a1",), start_time=start, end_time=end)
            counted = await log.fetch(
                "SELECT count(*) FROM orders WHERE account = 'a1' AND created_at >= $1 AND created_at <= $2",
                start or datetime.min.replace(tzinfo=UTC),
                end or datetime.max.replace(tzinfo=UTC),
            )
            assert await total(log, search_orders, query) == counted[0][0], (start, end)
