"""Executors as they are read: every filter, true totals, reports from kept-up numbers, and the same work at any size."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Event, Metadata
from contracts.rejections import CursorInvalid
from contracts.trading import (
    CloseType,
    ExecutorClosed,
    ExecutorCreated,
    ExecutorFill,
    ExecutorStarted,
    ExecutorStatus,
    ExecutorType,
    ExecutorUnknown,
    GetExecutor,
    GetExecutorPerformance,
    Market,
    SearchExecutors,
    Side,
)
from eventlog.log import EventLog
from trading.views import executor_figures
from trading.views.executor_figures import Sample, keep_samples
from trading.views.executor_pages import get_executor, search_executors
from trading.views.executor_report import HeldTotals, executor_performance, sharpe, summarise_executors
from trading.views.executor_totals import ExecutorTotalsView
from trading.views.executors import ExecutorsView

MANY = 100_000
OPEN = 200
START = datetime(2026, 1, 1, tzinfo=UTC)

FILL = """INSERT INTO executors (executor_id, executor_type, account, controller_id, connector, trading_pair, connectors,
    markets, config, status, close_type, net_pnl_quote, net_pnl_pct, cum_fees_quote, filled_amount_quote, created_at,
    closed_at, updated_at)
SELECT 'e' || n, (ARRAY['position_executor', 'grid_executor'])[1 + n % 2], 'account' || n % 3, 'c' || n % 5, 'binance',
    (ARRAY['BTC-USDT', 'ETH-USDT'])[1 + n % 2], '["binance"]', '[]', '{"side": 1, "timestamp": 1.5}',
    CASE WHEN n > $2::int - $3::int THEN 'RUNNING' ELSE 'TERMINATED' END,
    CASE WHEN n > $2::int - $3::int THEN NULL WHEN n % 10 = 0 THEN 'POSITION_HOLD' ELSE 'TAKE_PROFIT' END,
    n % 7 - 3, 0.01, 0.5, 100, $1::timestamptz + make_interval(secs => n / 10),
    CASE WHEN n > $2::int - $3::int THEN NULL ELSE now() END, now()
FROM generate_series(1, $2::int) n"""
TOTAL = """INSERT INTO executor_totals
SELECT account, controller_id, executor_type, connector, trading_pair, close_type, count(*),
    count(*) FILTER (WHERE net_pnl_quote > 0), sum(net_pnl_quote), sum(net_pnl_quote * net_pnl_quote), sum(net_pnl_pct),
    sum(filled_amount_quote), sum(cum_fees_quote) FROM executors WHERE closed_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6"""


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    views, tables = (ExecutorsView(), ExecutorTotalsView()), (executor_figures.metadata,)
    started = EventLog(database_url, context="trading", views=views, tables=tables)
    await started.start()
    yield started
    await started.stop()


async def fill(log: EventLog, count: int, running: int = OPEN) -> None:
    await log.fetch(FILL, START, count, running)
    await log.fetch(TOTAL)


def created(id_: str, **changes: Any) -> ExecutorCreated:
    fields: dict[str, Any] = {
        "executor_id": id_,
        "executor_type": ExecutorType.POSITION,
        "account": "main",
        "controller_id": "c1",
        "markets": (Market(connector="binance", trading_pair="BTC-USDT"),),
        "config": {"type": "position_executor", "side": 2, "timestamp": 1.5},
        "time": START,
    }
    return ExecutorCreated(**{**fields, **changes})


def closed(id_: str, pnl: str, close_type: CloseType = CloseType.TAKE_PROFIT) -> ExecutorClosed:
    return ExecutorClosed(
        executor_id=id_,
        close_type=close_type,
        net_pnl_quote=Decimal(pnl),
        net_pnl_pct=Decimal("0.01"),
        cum_fees_quote=Decimal("0.5"),
        filled_amount_quote=Decimal(100),
        custom_info={"level": 1},
        time=START + timedelta(hours=1),
    )


async def happen(log: EventLog, id_: str, *events: Event) -> None:
    await log.append(f"trading.executor-{id_}", 0, events, Metadata())


async def pages(log: EventLog, query: SearchExecutors) -> list[dict[str, Any]]:
    found = []
    while True:
        page = json.loads(await search_executors(log, query))
        found.append(page)
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"]["has_more"] == (cursor is not None)
        if cursor is None:
            return found
        query = query.model_copy(update={"cursor": cursor})


async def report(log: EventLog, controller_id: str | None = None, held: HeldTotals | None = None) -> Any:
    query = GetExecutorPerformance(controller_id=controller_id)
    return json.loads(await executor_performance(log, query, held or HeldTotals()))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, lambda n: True),
        ({"account_names": ("account1", "account2")}, lambda n: n % 3 != 0),
        ({"trading_pairs": ("ETH-USDT",), "controller_ids": ("c1",)}, lambda n: n % 2 == 1 and n % 5 == 1),
        ({"executor_types": (ExecutorType.GRID,)}, lambda n: n % 2 == 1),
        ({"status": ExecutorStatus.TERMINATED, "account_names": ("account0",)}, lambda n: n <= 400 and n % 3 == 0),
        ({"status": ExecutorStatus.RUNNING, "connector_names": ("binance",)}, lambda n: n > 400),
        ({"status": ExecutorStatus.SHUTTING_DOWN}, lambda n: False),
        ({"connector_names": ("kraken",)}, lambda n: False),
    ],
)
async def test_every_filter_with_its_total_over_all_pages(log: EventLog, filters: dict[str, Any], expected: Any) -> None:
    await fill(log, 600)
    wanted = {f"e{n}" for n in range(1, 601) if expected(n)}
    found = await pages(log, SearchExecutors(limit=70, **filters))
    items = [item for page in found for item in page["data"]]
    assert [item["executor_id"] for item in items if item["executor_id"] in wanted] == [item["executor_id"] for item in items]
    assert len(items) == len(wanted)
    assert {page["pagination"]["total_count"] for page in found} == {len(wanted)}
    assert [item["created_at"] for item in items] == sorted((item["created_at"] for item in items), reverse=True)


async def test_a_cursor_of_another_search_is_invalid(log: EventLog) -> None:
    await fill(log, 300)
    cursor = json.loads(await search_executors(log, SearchExecutors(limit=5)))["pagination"]["next_cursor"]
    for query in (SearchExecutors(limit=5, cursor="0:"), SearchExecutors(account_names=("account1",), cursor=cursor)):
        with pytest.raises(CursorInvalid):
            await search_executors(log, query)


async def test_a_running_and_an_ended_executor_have_one_shape_and_one_place(log: EventLog) -> None:
    await happen(log, "e1", created("e1"), ExecutorStarted(executor_id="e1", holder="r", time=START))
    figures = {"net_pnl_quote": "1.5", "net_pnl_pct": "0.02", "cum_fees_quote": "0.1", "filled_amount_quote": "75"}
    await keep_samples(log, [Sample("e1", {name: Decimal(value) for name, value in figures.items()}, {"level": 0})])
    running = json.loads(await get_executor(log, GetExecutor(executor_id="e1")))
    assert running == json.loads(await search_executors(log, SearchExecutors()))["data"][0]
    assert {name: running[name] for name in figures} == {name: float(value) for name, value in figures.items()}
    assert (running["status"], running["is_active"], running["is_trading"]) == ("RUNNING", True, True)
    assert (running["side"], running["timestamp"], running["custom_info"]) == ("SELL", 1.5, {"level": 0})
    await log.append("trading.executor-e1", 2, [closed("e1", "-2.25")], Metadata())
    ended = json.loads(await get_executor(log, GetExecutor(executor_id="e1")))
    assert ended.keys() == running.keys()
    assert ended["created_at"] == running["created_at"] == START.isoformat()
    assert (ended["status"], ended["is_active"], ended["net_pnl_quote"]) == ("TERMINATED", False, -2.25)
    assert (ended["close_type"], ended["close_timestamp"]) == ("TAKE_PROFIT", (START + timedelta(hours=1)).timestamp())
    await keep_samples(log, [])
    assert not await log.fetch("SELECT FROM executor_figures")
    with pytest.raises(ExecutorUnknown):
        await get_executor(log, GetExecutor(executor_id="e2"))


async def test_performance_counts_each_executor_once_and_holds_apart(log: EventLog) -> None:
    for number, pnl in enumerate(("3", "-1", "4")):
        await happen(log, f"e{number}", created(f"e{number}"), closed(f"e{number}", pnl))
    await happen(log, "kept", created("kept"), closed("kept", "50", CloseType.POSITION_HOLD))
    await happen(log, "other", created("other", controller_id="c2"), closed("other", "9"))
    await happen(log, "runs", created("runs"), ExecutorStarted(executor_id="runs", holder="r", time=START))
    held = HeldTotals(active=1, realized=Decimal(2), fees=Decimal("0.5"), unrealized=Decimal(-1))
    found = await report(log, "c1", held)
    assert (found["total_executors"], found["by_status"]) == (5, {"RUNNING": 1, "TERMINATED": 4})
    assert (found["pnl_total_quote"], found["unrealized_pnl_quote"], found["global_pnl_quote"]) == (7.5, -1.0, 6.5)
    assert (found["fees_total_quote"], found["volume_total_quote"], found["active_positions"]) == (2.0, 400.0, 1)
    assert found["win_rate"] == pytest.approx(2 / 3)
    assert found["sharpe_ratio"] == pytest.approx(2 / 7**0.5)
    of_type = {"total": 5, "completed": 4, "running": 1, "pnl_quote": 6.0, "volume_quote": 400.0, "fees_quote": 2.0}
    assert found["by_type"] == [{"executor_type": "position_executor", **of_type}]
    assert (await report(log))["pnl_total_quote"] == 15.0
    assert json.loads(await summarise_executors(log))["by_status"] == {"RUNNING": 1}
    for view in (ExecutorsView(), ExecutorTotalsView()):
        assert (await log.replay(view)).identical


async def test_what_was_kept_counts_with_its_hold_however_its_executor_ended(log: EventLog) -> None:
    fill_ = ExecutorFill(
        order_id="o1",
        connector="binance",
        trading_pair="BTC-USDT",
        side=Side.BUY,
        amount=Decimal(1),
        quote=Decimal(100),
        fee=Decimal("0.5"),
    )
    kept = closed("e1", "-4", CloseType.COMPLETED).model_copy(update={"held": (fill_,)})
    await happen(log, "e1", created("e1", executor_type=ExecutorType.TWAP), kept)
    held = HeldTotals(active=1, fees=Decimal("0.5"))
    report = json.loads(await executor_performance(log, GetExecutorPerformance(), held))
    assert (report["total_executors"], report["pnl_total_quote"], report["fees_total_quote"]) == (1, -0.5, 0.5)


async def test_performance_of_nothing(log: EventLog) -> None:
    found = await report(log, "nobody")
    assert (found["total_executors"], found["win_rate"], found["sharpe_ratio"], found["by_type"]) == (0, 0.0, None, [])
    assert json.loads(await summarise_executors(log))["total_active"] == 0


def test_sharpe_needs_two_values_that_differ() -> None:
    assert sharpe(1, Decimal(3), Decimal(9)) is None
    assert sharpe(2, Decimal(6), Decimal(18)) is None
    assert sharpe(2, Decimal(4), Decimal(10)) == pytest.approx(2 / 2**0.5)


async def test_reads_of_100000_executors_touch_few_rows(log: EventLog) -> None:
    """By the plans as they were carried out: no time is measured."""
    await fill(log, MANY)
    await log.fetch("ANALYZE")
    explained = Explained(log)
    for query in (SearchExecutors(limit=50), SearchExecutors(limit=50, account_names=("account1",), controller_ids=("c2",))):
        page = json.loads(await search_executors(explained, query))
        cursor = page["pagination"]["next_cursor"]
        await search_executors(explained, query.model_copy(update={"cursor": cursor}))
    await search_executors(explained, SearchExecutors(limit=50, status=ExecutorStatus.RUNNING))
    await get_executor(explained, GetExecutor(executor_id="e5"))
    await summarise_executors(explained)
    await executor_performance(explained, GetExecutorPerformance(), HeldTotals())
    assert len(explained.touched) == 10
    assert max(explained.touched) < 4 * OPEN + 1000


class Explained:
    """Reads, and notes how many rows each statement's scans touched."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.touched: list[int] = []

    async def fetch(self, sql: str, /, *args: object) -> Any:
        plan = json.loads((await self._log.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *args))[0][0])
        self.touched.append(int(_touched(plan[0]["Plan"])))
        return await self._log.fetch(sql, *args)


def _touched(node: dict[str, Any]) -> float:
    own = node.get("Rows Removed by Filter", 0) + node["Actual Rows"] if "Relation Name" in node else 0
    return float(own * node["Actual Loops"] + sum(_touched(each) for each in node.get("Plans", ())))
