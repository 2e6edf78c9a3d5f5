"""Orders that live after their executor was closed: it is reopened, closes them too, and its figures are the exchange's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Event, Metadata
from contracts.trading import (
    CloseType,
    ExecutorClosed,
    ExecutorCreated,
    ExecutorNotActive,
    ExecutorProgressed,
    ExecutorStatus,
    ExecutorType,
    GetExecutor,
    GetExecutorLogs,
    GetExecutorPerformance,
    Market,
    OrderCompleted,
    OrderFilled,
    OrderOutcomeResolved,
    OrderPlaced,
    OrderRejected,
    OrderStatus,
    OrderType,
    Side,
)
from contracts.trading.executor import ExecutorReopened
from eventlog.log import EventLog
from eventlog.scenario import Scenario
from executor_rig import ExecutorVenue
from trading import migrations
from trading.adapters import sending
from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import Close, Reopen, RequestStop
from trading.handlers.executor_late import LateOrders
from trading.handlers.executor_log import ExecutorLog
from trading.views import executor_figures, executor_logs, late_orders, totals
from trading.views.executor_logs import executor_log
from trading.views.executor_pages import get_executor
from trading.views.executor_report import HeldTotals, executor_performance
from trading.views.executor_totals import ExecutorTotalsView
from trading.views.executors import ExecutorsView, open_executors
from trading.views.holds import HoldsView
from trading.views.orders import OrdersView
from trading.views.trades import TradesView

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZEROS = dict.fromkeys(("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote"), Decimal(0))
CREATED = ExecutorCreated(
    executor_id="e1",
    executor_type=ExecutorType.POSITION,
    account="main",
    controller_id="main",
    markets=(Market(connector="binance", trading_pair="BTC-USDT"),),
    config={"type": "position_executor"},
    time=NOW,
)
PROGRESSED = ExecutorProgressed(executor_id="e1", status=ExecutorStatus.RUNNING, state={}, placing=("o1",))
CLOSED = ExecutorClosed(executor_id="e1", close_type=CloseType.EARLY_STOP, **ZEROS, time=NOW)
REOPEN = Reopen(executor_id="e1", orders=("o1",), reason="it lives", time=NOW)
REOPENED = ExecutorReopened(
    executor_id="e1", orders=("o1",), close_type=CloseType.EARLY_STOP, **ZEROS, kept=False, reason="it lives", time=NOW
)
CLOSE = Close(executor_id="e1", close_type=CloseType.EARLY_STOP, figures=ZEROS, held=(), custom_info={}, reason=None, time=NOW)


def test_only_a_closed_executor_is_reopened_and_once() -> None:
    Scenario(EXECUTOR).given(CREATED, PROGRESSED).when(REOPEN).then_nothing()
    Scenario(EXECUTOR).given(CREATED, PROGRESSED, CLOSED).when(REOPEN).then(REOPENED)
    Scenario(EXECUTOR).given(CREATED, PROGRESSED, CLOSED, REOPENED).when(REOPEN).then_nothing()
    Scenario(EXECUTOR).given(CREATED, PROGRESSED, CLOSED, REOPENED, CLOSED).when(REOPEN).then(REOPENED)


def test_a_reopened_executor_is_shutting_down_can_be_stopped_and_closes_again() -> None:
    given = (CREATED, PROGRESSED, CLOSED, REOPENED)
    state = EXECUTOR.fold(EXECUTOR.initial, given)
    assert (state.status, state.closed, state.reopened, state.closings) == (ExecutorStatus.SHUTTING_DOWN, None, CLOSED, 1)
    stop = RequestStop(executor_id="e1", keep_position=True, reason="asked", time=NOW)
    assert EXECUTOR.decide(state, stop)
    Scenario(EXECUTOR).given(*given).when(CLOSE).then(CLOSED)
    Scenario(EXECUTOR).given(*given, CLOSED).when(stop).then_rejected(ExecutorNotActive, field="executor_id")
    again = EXECUTOR.evolve(state, CLOSED)
    assert (again.status, again.reopened, again.closings) == (ExecutorStatus.TERMINATED, None, 2)
    assert replace(again, closed=None).orders == ("o1",)


@pytest.fixture
async def log(database_url: str) -> Any:
    views = (OrdersView(), TradesView(), ExecutorsView(), ExecutorTotalsView(), HoldsView())
    tables = (totals.metadata, executor_figures.metadata, executor_logs.metadata, late_orders.metadata)
    started = EventLog(database_url, context="trading", views=views, tables=tables, migrations=migrations.DIRECTORY)
    await started.start()
    yield started
    await started.stop()


PLACED = OrderPlaced(
    order_id="o1",
    account="main",
    connector="binance",
    trading_pair="BTC-USDT",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    amount=Decimal(2),
    price=Decimal(100),
    requested_amount=Decimal(2),
    requested_price=Decimal(100),
    executor_id="e1",
    controller_id="main",
)
FILLED = OrderFilled(
    order_id="o1",
    trade_id="t1",
    exchange_order_id="1",
    account="main",
    connector="binance",
    trading_pair="BTC-USDT",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    price=Decimal(100),
    amount=Decimal(2),
    fee=Decimal(0),
    fee_token="USDT",
    time=NOW,
)
REJECTED = OrderRejected(order_id="o1", reason="not found", evidence="asked")
RESOLVED = OrderOutcomeResolved(order_id="o1", exchange_order_id="1", status=OrderStatus.OPEN, evidence="the list")
DONE = OrderCompleted(order_id="o1", filled_amount=Decimal(2), average_price=Decimal(100))


async def happen(log: EventLog, stream: str, *events: Event) -> None:
    version = len(await log.read(stream))
    await log.append(stream, version, events, Metadata())


async def closed(log: EventLog) -> None:
    await happen(log, "trading.executor-e1", CREATED, PROGRESSED)
    await happen(log, "trading.order-o1", PLACED, REJECTED)
    await happen(log, "trading.executor-e1", CLOSED)


async def test_an_order_that_lives_reopens_its_executor_once_and_is_told_in_its_log(log: EventLog) -> None:
    lines, late = ExecutorLog(log), LateOrders(log)
    await lines.attach()
    await closed(log)
    assert await late.reopen() == 0
    await happen(log, "trading.order-o1", RESOLVED)
    # Two replicas may look.
    assert [await late.reopen(), await LateOrders(log).reopen()] == [1, 0]
    await lines.detach()
    await lines.write()
    told = json.loads(await executor_log(log, GetExecutorLogs(executor_id="e1")))
    assert "order o1 lived after the executor was closed" in told["logs"][0]["message"]
    shown = json.loads(await get_executor(log, GetExecutor(executor_id="e1")))
    assert (shown["status"], shown["is_active"], shown["close_type"], shown["error_count"]) == ("SHUTTING_DOWN", True, None, 1)
    assert [each.executor_id for each in await open_executors(log)] == ["e1"]
    report = json.loads(await executor_performance(log, GetExecutorPerformance(), HeldTotals()))
    assert (report["total_executors"], report["by_status"]) == (1, {"SHUTTING_DOWN": 1})
    await happen(log, "trading.executor-e1", CLOSED)
    report = json.loads(await executor_performance(log, GetExecutorPerformance(), HeldTotals()))
    assert (report["total_executors"], report["by_status"]) == (1, {"TERMINATED": 1})
    for view in (ExecutorsView(), ExecutorTotalsView(), OrdersView()):
        assert (await log.replay(view)).identical


async def test_an_order_that_was_filled_before_anybody_looked_reopens_it_and_what_is_counted_does_not(log: EventLog) -> None:
    late = LateOrders(log)
    await closed(log)
    await happen(log, "trading.order-o1", RESOLVED, FILLED, DONE)
    assert await late.reopen() == 1
    counted = CLOSED.model_copy(update={"filled_amount_quote": Decimal(200)})
    await happen(log, "trading.executor-e1", counted)
    # A mark that was made after the executor had been reopened, of what its new end counts.
    await log.fetch("INSERT INTO late_orders VALUES ('o1', 'e1', 1)")
    assert await late.reopen() == 0
    assert await log.fetch("SELECT * FROM late_orders") == []


@pytest.mark.timeout(400)
async def test_orders_that_reach_the_exchange_late_are_taken_off_and_traded_back(
    venue: ExecutorVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each first order is on its way for so long that it is proved absent; the exchange's clock lets it in all the same."""
    monkeypatch.setattr(sending, "SEND_SECONDS", 1)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        await strike(venue, symbol, "latency", 40_000)
    order = {"type": "order_executor", "side": "BUY", "execution_strategy": "LIMIT", "amount": "0.01", "price": "80000"}
    resting = await venue.create("BTC", **order)
    barriers = {"open_order_type": "LIMIT", "take_profit": "0.1"}
    position = {"type": "position_executor", "side": "BUY", "amount": "1", "entry_price": "2900"}
    filled = await venue.create("ETH", **position, triple_barrier_config=barriers)
    firsts = {}
    for executor_id in (resting, filled):
        firsts[executor_id] = (await venue.until(executor_id, ExecutorProgressed, lambda event: bool(event.placing))).placing[0]
        await venue.until(executor_id, ExecutorProgressed, lambda event, id_=executor_id: firsts[id_] in _failed(event))
        await venue.end(executor_id)
        await venue.until(executor_id, ExecutorClosed)
    # The orders under way are the only ones left to meet these.
    for symbol in ("BTCUSDT", "ETHUSDT"):
        await strike(venue, symbol, "clock_skew", -38_000)
    await venue.price("ETH", "2850")
    for executor_id in (resting, filled):
        reopened = await venue.until(executor_id, ExecutorReopened)
        assert reopened.orders == (firsts[executor_id],)
        ends = await _ends(venue, executor_id)
        traded = await venue.traded(executor_id)
        told = (ends[-1].net_pnl_quote, ends[-1].cum_fees_quote, ends[-1].filled_amount_quote)
        assert told == (traded.profit, traded.fees, traded.volume)
        assert (ends[-1].close_type, ends[-1].held) == (CloseType.EARLY_STOP, ())
        assert not await venue.open_orders(executor_id)
    ledger = await venue.ledger()
    there = {each["clientOrderId"]: each["status"] for each in ledger["orders"]}
    assert (there[firsts[resting]], there[firsts[filled]]) == ("CANCELED", "FILLED")
    assert (await venue.traded(filled)).volume > 0


async def strike(venue: ExecutorVenue, symbol: str, kind: str, milliseconds: int) -> None:
    """A fault of the next order on a symbol."""
    fault = {"kind": kind, "milliseconds": milliseconds, "endpoint": "order.place", "symbol": symbol, "count": 1}
    await venue.sandbox.admin("POST", "/faults", fault)


def _failed(event: ExecutorProgressed) -> set[str]:
    return {order_id for order_id, seen in event.seen.items() if isinstance(seen, dict) and seen.get("role") == "failed"}


async def _ends(venue: ExecutorVenue, executor_id: str) -> list[ExecutorClosed]:
    """Both ends of an executor that was reopened."""
    first = await venue.until(executor_id, ExecutorClosed)
    await venue.until(executor_id, ExecutorClosed, lambda event: event.time > first.time)
    return [event for event in await venue.events(executor_id) if isinstance(event, ExecutorClosed)]
