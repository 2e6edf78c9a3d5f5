"""Requests a second and latencies of the gateway: `python -m bench.gateway [--rows N] [--seconds S] [--accounts N]`.

Starts a stack of its own with so many orders in the orders table, and a bare granian and Starlette server as the baseline. Each
figure is the best of `ROUNDS` interleaved runs at 16 connections, because the machine's other work comes and goes; `cpu_us` is
the processor time a request costs in each process, which such noise changes least. Placing is paced: the engine's own limiter
allows a Binance connector 100 orders in 10 seconds, so the load is spread over accounts and stays below that for each.

Searches are measured twice: `polled` asks for the same page again and again, as dashboards do, and `each page another` asks for
none twice, so that no copy (ADR 14) can answer. A third figure polls while orders are placed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
import uvloop
from contracts.trading import SearchOrders
from hummingbus.embedded.ports import free_port
from trading.views.paging import Place, write_cursor

from bench.load import Sample, paced, post, request, saturate
from bench.processes import cpu_seconds, pids
from bench.report import ROOT, Figures, show, table
from bench.stages import between, look
from tests.canary.stored import installation
from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

CONNECTIONS = 16
ROUNDS = 3
PAGE = 50
DEEP = 1000
"""Pages of PAGE rows before the deep page."""

ORDERS_A_SECOND = 8
"""Of one account, out of the 8.5 that placing may take of the limiter's 100 in 10 s; more is answered 429."""

POLLED_PLACING = 20
"""Orders a second that are placed while a page is polled; each may change the page several times."""

SEARCH = "POST /trading/orders/search"
REFERENCE = {
    "GET /accounts/": (218, 201),
    "POST /portfolio/state": (276, 113),
    f"{SEARCH}, polled": (58, 580),
    f"{SEARCH}, each page another": (58, 580),
}
"""Requests a second and p99 in ms, as published for the reference on 2 such cores; not measured in this run."""

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of the first order of `FILL`, which has seven a second."""

FILL = """INSERT INTO orders (order_id, known, client_order_id, account, connector, trading_pair, side, order_type, amount,
    acknowledged, closed, created_at, updated_at)
SELECT 'o' || n, true, 'o' || n, 'account_' || n % 20, 'binance', CASE n % 4 WHEN 0 THEN 'ETH-USDT' ELSE 'BTC-USDT' END, 'BUY',
    'LIMIT', 1, true, CASE n % 10 WHEN 0 THEN 'CANCELLED' ELSE 'FILLED' END,
    timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => n / 7), now() FROM generate_series(1, $1::int) n"""

ACKNOWLEDGED = """SELECT extract(epoch FROM acknowledged.recorded_at - placed.recorded_at)::float8 AS seconds
FROM stored_events placed JOIN stored_events acknowledged USING (originator_id)
WHERE placed.topic LIKE '%OrderPlaced' AND acknowledged.topic LIKE '%OrderSubmitted' ORDER BY 1"""


@dataclass(frozen=True)
class Options:
    """What to measure."""

    rows: int
    seconds: float
    accounts: int


def search(**filters: Any) -> bytes:
    """The request of a page of orders."""
    return post("/trading/orders/search", {"limit": PAGE, **filters})


def _order(account: str) -> bytes:
    order = {"account_name": account, "connector_name": "binance", "trading_pair": "BTC-USDT", "trade_type": "BUY"}
    return post("/trading/orders", {**order, "amount": "0.001", "order_type": "LIMIT", "price": "20000"})


async def trading_database(stack: Stack) -> asyncpg.Connection[asyncpg.Record]:
    """A connection to the trading service's tables, as that service."""
    lines = (stack.home / "run/trading.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    return await asyncpg.connect(settings["TRADING_DATABASE_URL"].strip("'\""), server_settings={"search_path": "trading"})


async def fill(stack: Stack, rows: int) -> None:
    """Puts orders into the table, and all of it on the disk, so that no figure pays for the filling."""
    database = await trading_database(stack)
    await database.execute(FILL, rows)
    await database.execute("VACUUM (ANALYZE) orders")
    await database.close()
    owner = await asyncpg.connect(installation(stack).database_url())
    await owner.execute("CHECKPOINT")
    await owner.close()


def pages(rows: int) -> dict[str, tuple[bytes, Callable[[], bytes]]]:
    """Searches by name: the request of one page, and a function that gives the request of another page each time."""
    number = itertools.count()
    chosen: dict[str, Any] = {"account_names": ["account_3"], "trading_pairs": ["BTC-USDT"], "status": "FILLED"}

    def since() -> int:
        """A time before all orders, another one each time."""
        return 1_600_000_000_000 + next(number)

    def deep() -> bytes:
        row = rows - min(DEEP * PAGE, rows // 2) - next(number) % (rows // 4)
        created = START + timedelta(seconds=row // 7)
        asked = SearchOrders(limit=PAGE)
        return search(cursor=write_cursor(asked, Place([created.isoformat(), f"o{row}"], rows)))

    return {
        SEARCH: (search(), lambda: search(start_time=since())),
        "... filtered": (search(**chosen), lambda: search(**chosen, start_time=since())),
        f"... {DEEP:,} pages deep": (deep(), deep),
    }


async def reads(stack: Stack, bare_port: int, bare_pid: int, options: Options) -> Figures:
    """Figures of the baseline and of every reading route, by name."""
    own = pids(stack)
    listed, state = request("GET", "/accounts/", USERNAME, PASSWORD), post("/portfolio/state", {})
    measured: dict[str, tuple[int, dict[str, int], Callable[[], bytes]]] = {
        "bare granian + Starlette": (bare_port, {"bare": bare_pid}, lambda: listed),
        "GET /accounts/": (stack.port, own, lambda: listed),
        "POST /portfolio/state": (stack.port, own, lambda: state),
    }
    searches = pages(options.rows)
    measured |= {f"{name}, polled": (stack.port, own, partial(bytes, page)) for name, (page, _) in searches.items()}
    measured |= {f"{name}, each page another": (stack.port, own, another) for name, (_, another) in searches.items()}
    best: Figures = {}
    for _ in range(ROUNDS):
        for name, (port, known, prepared) in measured.items():
            await saturate(port, prepared, connections=CONNECTIONS, seconds=0.2)
            found = await _measured(known, saturate(port, prepared, connections=CONNECTIONS, seconds=options.seconds))
            if name not in best or found["per_second"] > best[name]["per_second"]:
                best[name] = found
    return best


async def _measured(known: dict[str, int], run: Any) -> Figures:
    before, own = cpu_seconds(known), time.process_time()
    sample: Sample = await run
    after, client = cpu_seconds(known), time.process_time() - own
    spent = {name: round(1e6 * (after[name] - before[name]) / len(sample.took)) for name in known}
    return {**sample.figures(), "cpu_us": {**spent, "load generator": round(1e6 * client / len(sample.took))}}


def open_sessions(stack: Stack, count: int) -> list[str]:
    """So many accounts, each with a funded session that takes orders."""
    names = [f"bench_{number}" for number in range(count)]
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        for name in names:
            keys = stack.sandbox_account(USDT="1000000", BTC="5")
            client.post("/accounts/add-account", params={"account_name": name}).raise_for_status()
            credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
            client.post(f"/accounts/add-credential/{name}/binance", json=credential).raise_for_status()
        for name in names:
            eventually(partial(_takes_orders, client, name), f"the session of {name} takes orders")
    return names


def _takes_orders(client: httpx.Client, account: str) -> bool:
    order = json.loads(_order(account).partition(b"\r\n\r\n")[2])
    return client.post("/trading/orders", json=order).status_code == 201


async def placing(stack: Stack, accounts: list[str], seconds: float) -> Figures:
    """Figures of placing, and of the way from the stored intent to the exchange's acknowledgement."""
    rate = ORDERS_A_SECOND * len(accounts)
    prepared = [_order(account) for account in accounts]

    def order(number: int) -> bytes:
        return prepared[number % len(prepared)]

    run = paced(stack.port, order, connections=CONNECTIONS, rate=rate, seconds=seconds)
    before = await asyncio.to_thread(look, stack)
    found = await _measured(pids(stack), run)
    await asyncio.sleep(2)
    stages = between(before, await asyncio.to_thread(look, stack))
    database = await trading_database(stack)
    took = [row["seconds"] for row in await database.fetch(ACKNOWLEDGED)]
    await database.close()
    acknowledged: Figures = {"orders": len(took)}
    if took:
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        acknowledged |= {"p50_ms": round(1000 * p50, 1), "p99_ms": round(1000 * p99, 1)}
    offered = {"accounts": len(accounts), "offered_per_second": rate}
    return {**offered, **found, "intent_to_acknowledgement": acknowledged, "stages": stages}


async def polled_while_placing(stack: Stack, accounts: list[str], seconds: float) -> Figures:
    """Figures of one page that is polled while its orders change."""
    page, orders = search(), [_order(account) for account in accounts]
    polled = saturate(stack.port, lambda: page, connections=CONNECTIONS, seconds=seconds)
    rate = min(POLLED_PLACING, ORDERS_A_SECOND * len(accounts))
    placed = paced(stack.port, lambda number: orders[number % len(orders)], connections=4, rate=rate, seconds=seconds)
    found, _ = await asyncio.gather(_measured(pids(stack), polled), placed)
    return found


def measure(options: Options) -> Figures:
    """All figures."""
    port = free_port()
    bare = subprocess.Popen([sys.executable, "-m", "bench.bare_server", str(port)], cwd=ROOT)
    try:
        with running() as stack:
            uvloop.run(fill(stack, options.rows))
            eventually(_answers(port), "the bare server answers")
            read = uvloop.run(reads(stack, port, bare.pid, options))
            accounts = open_sessions(stack, options.accounts)
            time.sleep(10)  # The first order of each account is out of the limiter's window then.
            placed = uvloop.run(placing(stack, accounts, max(options.seconds, 5)))
            time.sleep(10)  # As above.
            name = f"{SEARCH}, polled while {POLLED_PLACING} orders a second are placed"
            read[name] = uvloop.run(polled_while_placing(stack, accounts, options.seconds))
    finally:
        bare.terminate()
        bare.wait()
    return {"connections": CONNECTIONS, "rows": options.rows, "reads": read, "placing": placed}


def _answers(port: int) -> Callable[[], bool]:
    def check() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/accounts/", auth=(USERNAME, PASSWORD)).status_code == 200
        except httpx.HTTPError:
            return False

    return check


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    rows = []
    for name, found in [*figures["reads"].items(), ("POST /trading/orders (paced)", figures["placing"])]:
        published = REFERENCE.get(name, (None, None))
        spent = found["cpu_us"]
        services = sum(spent.get(service, 0) for service in ("accounts", "trading", "nats", "postgres", "sandbox-exchange"))
        gateway = spent.get("gateway-api", spent.get("bare"))
        latency = (found["per_second"], found["p50_ms"], found["p99_ms"], found["refused"])
        rows.append((name, *latency, gateway, services, spent["load generator"], *published))
    columns = ("", "a second", "p50 ms", "p99 ms", "refused", "gateway µs", "behind it µs", "load generator µs")
    placed = figures["placing"]
    acknowledged = placed["intent_to_acknowledgement"]
    conditions = (
        f"{figures['connections']} connections, {figures['rows']:,} orders in the table, pages of {PAGE}. Microseconds are "
        "processor time a request. A polled page is asked for again and again, and answered from a copy until something "
        "changes; of `each page another` none is asked for twice. The "
        "reference's figures are those published for it, not measured here."
    )
    order_path = (
        f"Placing: {placed['offered_per_second']} orders a second offered over {placed['accounts']} accounts. From the "
        f"stored intent to the exchange's stored acknowledgement: p50 {acknowledged.get('p50_ms')} ms, p99 "
        f"{acknowledged.get('p99_ms')} ms "
        f"({acknowledged['orders']} orders). The stages in trading, from its own histograms:"
    )
    parts = ("count", "mean_ms", "p50_ms", "p99_ms")
    stages = [(stage, *(found.get(part) for part in parts)) for stage, found in placed["stages"].items()]
    told = table((*columns, "reference a second", "reference p99 ms"), rows), order_path, table(("", *parts), stages)
    return "\n\n".join((conditions, *told))


def options(arguments: list[str] | None = None) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description="Figures of the gateway.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--accounts", type=int, default=25)
    return Options(**vars(parser.parse_args(arguments)))


def main() -> None:
    """Print the figures."""
    figures = measure(options())
    show(figures, tables(figures))


if __name__ == "__main__":
    main()
