"""Reading among many stored executors: `python -m bench.stored_executors [--count N] [--seconds S]`.

Starts a stack, puts so many executors into trading's tables, OPEN of them not closed and with figures of their own, and
positions held, and asks through the gateway: pages of a search, unfiltered, filtered and deep, the summary and the performance
report. `one after another` is what one user waits for, `at 16 connections` what is left of it when the machine is full.

Pages are asked for so that no copy (ADR 14) can answer, unless `polled` says that the same is asked for again and again.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop
from contracts.trading import SearchExecutors
from trading.views.paging import Place, write_cursor

from bench.gateway import trading_database
from bench.load import post, request, saturate
from bench.processes import cpu_seconds, pids
from bench.report import Figures, show, table
from tests.canary.stored import installation
from tests.stack import PASSWORD, USERNAME, Stack, running

COUNT = 100_000
OPEN = 300
HOLDS = 60
ACCOUNTS, CONTROLLERS = 20, 40
SECONDS = 3.0
CONNECTIONS = (1, 16)
PAGE = 50
DEEP = 1000
"""Pages of PAGE executors before the deep page."""

TYPES = tuple(f"{name}_executor" for name in ("position", "grid", "dca", "arbitrage", "twap", "xemm", "order"))
START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of the first executor; there is one every ten seconds."""

TARGET = {"search": 30, "summary": 10, "performance": 10}
"""The p99 in ms that is wanted, one after another."""

MADE = f"""SELECT n, free, ($4::text[])[1 + own % cardinality($4::text[])] AS type, 'bench_' || own % {ACCOUNTS} AS account,
    CASE WHEN free THEN 'main' ELSE 'controller_' || own END AS controller, n > $1::int - $2::int AS is_open,
    (ARRAY['binance', 'binance_perpetual'])[1 + own / 3 % 2] AS connector,
    (ARRAY['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'BNB-USDT', 'XRP-USDT'])[1 + own / 2 % 5] AS pair
FROM (SELECT n, free, CASE WHEN free THEN n / 10 % 140 ELSE n % {CONTROLLERS} END AS own
    FROM (SELECT n, n % 10 = 0 AS free FROM generate_series(1, $1::int) n) numbers) owned"""  # noqa: S608 - constants
"""A controller runs executors of one type on one market of one account; one executor in ten has none, and is of any kind."""

CONFIG = """jsonb_build_object('id', 'e' || n, 'type', type, 'timestamp', 1767225600 + n * 10, 'controller_id', controller,
    'connector_name', connector, 'trading_pair', pair, 'side', 1 + n % 2, 'amount', '0.01',
    'entry_price', (20000 + n % 7000)::text, 'leverage', 1 + n % 10,
    'triple_barrier_config', jsonb_build_object('stop_loss', '0.03', 'take_profit', '0.02', 'time_limit', 3600,
    'open_order_type', 2, 'take_profit_order_type', 1, 'trailing_stop', null))"""
INFO = """jsonb_build_object('level_id', 'buy_' || n % 8, 'current_position_average_price', (20000 + n % 7000)::text,
    'side', 1 + n % 2, 'current_retries', 0, 'max_retries', 10, 'close_price', (20100 + n % 7000)::text,
    'order_ids', jsonb_build_array('x-MG43PCSN' || md5(n::text)))"""
FILL = f"""INSERT INTO executors (executor_id, executor_type, account, controller_id, connector, trading_pair, connectors,
    markets, config, status, started, close_type, net_pnl_quote, net_pnl_pct, cum_fees_quote, filled_amount_quote, custom_info,
    orders, closings, created_at, closed_at, updated_at)
SELECT 'e' || n, type, account, controller, connector, pair, jsonb_build_array(connector),
    jsonb_build_array(jsonb_build_object('connector', connector, 'trading_pair', pair)), {CONFIG},
    CASE WHEN is_open THEN CASE n % 10 WHEN 0 THEN 'SHUTTING_DOWN' ELSE 'RUNNING' END ELSE 'TERMINATED' END, true,
    CASE WHEN NOT is_open THEN (ARRAY['TAKE_PROFIT', 'STOP_LOSS', 'TIME_LIMIT', 'EARLY_STOP', 'TRAILING_STOP', 'COMPLETED',
        'FAILED', 'POSITION_HOLD'])[1 + n / 11 % 8] END,
    (n % 997 - 480) / 13.0, (n % 997 - 480) / 13000.0, 0.2 + n % 5, 400 + n % 3000, {INFO}, 2 + n % 6,
    CASE WHEN is_open THEN 0 ELSE 1 END, $3::timestamptz + make_interval(secs => n * 10),
    CASE WHEN NOT is_open THEN $3::timestamptz + make_interval(secs => n * 10 + 3600) END, now()
FROM ({MADE}) made"""  # noqa: S608 - constants
TOTAL = """INSERT INTO executor_totals (account, controller_id, executor_type, connector, trading_pair, close_type, executors,
    wins, pnl, pnl_squares, pct, volume, fees)
SELECT account, controller_id, executor_type, connector, trading_pair, close_type, count(*),
    count(*) FILTER (WHERE net_pnl_quote > 0), sum(net_pnl_quote), sum(net_pnl_quote * net_pnl_quote), sum(net_pnl_pct),
    sum(filled_amount_quote), sum(cum_fees_quote)
FROM executors WHERE closed_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6"""
SAMPLED = """INSERT INTO executor_figures (executor_id, net_pnl_quote, net_pnl_pct, cum_fees_quote, filled_amount_quote,
    custom_info, sampled_at)
SELECT executor_id, net_pnl_quote, net_pnl_pct, cum_fees_quote, filled_amount_quote, custom_info, now()
FROM executors WHERE closed_at IS NULL"""
HELD = f"""INSERT INTO position_holds (account, connector, trading_pair, controller_id, active, buy_amount_base,
    buy_amount_quote, sell_amount_base, sell_amount_quote, matched_amount_base, open_base, open_quote, realized_pnl_quote,
    cum_fees_quote, executor_ids, updated_at)
SELECT 'bench_' || n % {ACCOUNTS}, 'binance', (ARRAY['BTC-USDT', 'ETH-USDT'])[1 + n / 2 % 2],
    'controller_' || n % {CONTROLLERS}, true, 2, 4000, 1, 2100, 1, 1, 2000, 100, 3, '["e8"]', now()
FROM generate_series(1, $1::int) n ON CONFLICT DO NOTHING"""  # noqa: S608 - constants


async def fill(stack: Stack, count: int) -> None:
    """Puts executors into the tables, and all of it on the disk, so that no figure pays for the filling."""
    database = await trading_database(stack)
    await database.execute(FILL, count, OPEN, START, list(TYPES))
    for statement in (TOTAL, SAMPLED):
        await database.execute(statement)
    await database.execute(HELD, HOLDS)
    await database.execute("VACUUM (ANALYZE) executors, executor_totals, executor_figures, position_holds")
    await database.close()
    owner = await asyncpg.connect(installation(stack).database_url())
    await owner.execute("CHECKPOINT")
    await owner.close()


def requests(count: int) -> dict[str, Callable[[], bytes]]:
    """What is asked, by name: a function that gives the next request."""
    number = itertools.count()

    def place(row: int) -> str:
        created = START + timedelta(seconds=row * 10)
        return write_cursor(SearchExecutors(limit=PAGE), Place([created.isoformat(), f"e{row}"], count))

    def other(filters: Mapping[str, Any] | None = None) -> bytes:
        """Another page of the same kind each time: what it is filtered by, or where it begins, differs."""
        n = next(number)
        found = {name: choose(n) for name, choose in (filters or {}).items()}
        if not filters:
            return _search(cursor=place(count - n % (count // 4)))
        return _search(**{"limit": PAGE - n // 20 % 30, **found})

    def deep() -> bytes:
        return _search(cursor=place(count - min(DEEP * PAGE, count // 2) - next(number) % (count // 4)))

    by_type = {"executor_types": lambda n: [TYPES[n % len(TYPES)]]}
    by_account = {"account_names": lambda n: [f"bench_{n % ACCOUNTS}"]}
    by_controller = {"controller_ids": lambda n: [f"controller_{n % CONTROLLERS}"], "limit": lambda n: PAGE - n // 40 % 30}
    ended = {"status": lambda _: "TERMINATED"}
    return {
        "search, first page, polled": _search,
        "search, pages from anywhere near the newest": other,
        "search, one account": lambda: other(by_account),
        "search, one controller": lambda: other(by_controller),
        "search, one account and type, ended": lambda: other({**by_account, **by_type, **ended}),
        "search, one account, running": lambda: other({**by_account, "status": lambda _: "RUNNING"}),
        f"search, {DEEP:,} pages deep": deep,
        "summary, polled": lambda: _get("/executors/summary"),
        "performance, polled": lambda: _get("/executors/performance"),
        "performance of one controller, many polled": lambda: _get(
            f"/executors/performance?controller_id=controller_{next(number) % CONTROLLERS}"
        ),
    }


def _search(**filters: Any) -> bytes:
    return post("/executors/search", {"limit": PAGE, **filters})


def _get(path: str) -> bytes:
    return request("GET", path, USERNAME, PASSWORD)


async def reads(stack: Stack, count: int, seconds: float) -> Figures:
    """Figures of every request, by name and number of connections."""
    own = pids(stack)
    found: Figures = {}
    for name, prepared in requests(count).items():
        found[name] = {}
        for connections in CONNECTIONS:
            await saturate(stack.port, prepared, connections=connections, seconds=0.3)
            before = cpu_seconds(own)
            sample = await saturate(stack.port, prepared, connections=connections, seconds=seconds)
            after = cpu_seconds(own)
            spent = {process: round(1e6 * (after[process] - before[process]) / len(sample.took)) for process in own}
            found[name][str(connections)] = {**sample.figures(), "cpu_us": spent}
    return found


def measure(count: int = COUNT, seconds: float = SECONDS) -> Figures:
    """All figures."""
    with running() as stack:
        uvloop.run(fill(stack, count))
        return {
            "count": count,
            "open": OPEN,
            "holds": HOLDS,
            "seconds": seconds,
            "reads": uvloop.run(reads(stack, count, seconds)),
        }


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    alone, full = (str(each) for each in CONNECTIONS)
    rows = []
    for name, found in figures["reads"].items():
        spent = found[alone]["cpu_us"]
        latency = (found[alone]["p50_ms"], found[alone]["p99_ms"], TARGET[name.split(",")[0].split(" ")[0]])
        many = (found[full]["per_second"], found[full]["p50_ms"], found[full]["p99_ms"])
        refused = found[alone]["refused"] + found[full]["refused"]
        rows.append((name, *latency, spent["gateway-api"], spent["trading"], spent["postgres"], *many, refused))
    columns = (
        "",
        "p50 ms",
        "p99 ms",
        "wanted",
        "gateway µs",
        "trading µs",
        "Postgres µs",
        "a second",
        "p50 ms",
        "p99 ms",
        "refused",
    )
    text = (
        f"{figures['count']:,} executors of {len(TYPES)} types, {figures['open']:,} of them open, on {ACCOUNTS} accounts, nine "
        f"in ten of {CONTROLLERS} controllers; {figures['holds']} positions held; pages of {PAGE} at most. First one after "
        f"another, then at {full} connections. Microseconds are processor time a request, one after another. What is polled is "
        "answered from a copy until something changes or its two seconds are over."
    )
    return f"{text}\n\n{table(columns, rows)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    measured = measure(given.count, given.seconds)
    show(measured, tables(measured))
