"""Market data through the gateway: `python -m bench.market_data [--seconds S] [--subscribers N]`.

Reads that are asked for all the time, beside the reference's way (one call of the exchange for each request) in the same run;
subscribers of one order book at 0.25 s; and the latency of placing orders alone, and while all of that goes on. The orders lie
near the top of the book, so that it changes with each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any

import httpx
import uvloop
from hummingbus.embedded.ports import free_port
from hummingbus.embedded.process import give_way

from bench import book_updates
from bench.gateway import ORDERS_A_SECOND, open_sessions
from bench.load import Sample, paced, post, saturate
from bench.market_listeners import CONNECTIONS, MARKET, READS_A_SECOND
from bench.processes import cpu_seconds, memory_bytes, pids
from bench.report import ROOT, Figures, show, table
from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

ROUNDS = 3
ACCOUNTS = 3
READS: Mapping[str, Mapping[str, Any]] = {
    "prices": {"connector_name": "binance", "trading_pairs": ["BTC-USDT"]},
    "order-book": MARKET,
    "candles": {**MARKET, "max_records": 500},
}
"""Route and body; 10 levels, 500 candles."""

WINDOW = 10.5
"""Seconds in which the engine's limiter counts orders."""


def measure(seconds: float = 3.0, subscribers: int = 1000) -> Figures:
    """All figures."""
    port = free_port()
    room = {"GATEWAY_API_MAX_SOCKETS": str(subscribers + 10), "GATEWAY_API_MAX_CONNECTIONS": str(subscribers + 100)}
    with running(**room, GATEWAY_API_RATE_LIMIT="0") as stack:
        exchange = f"http://127.0.0.1:{json.loads(stack.run('status', '--json'))['ports']['sandbox-exchange']}"
        baseline = subprocess.Popen([sys.executable, "-m", "bench.one_call_server", str(port), exchange], cwd=ROOT)
        try:
            eventually(_answers(port), "the baseline answers")
            reads = uvloop.run(_reads(stack, port, baseline.pid, seconds))
            accounts = open_sessions(stack, ACCOUNTS)
            alone = uvloop.run(_alone(stack, accounts, max(seconds, 20)))
            beside = uvloop.run(_beside(stack, accounts, max(seconds, 20), subscribers))
            books = asyncio.run(book_updates.measure(exchange))
        finally:
            baseline.terminate()
            baseline.wait()
    orders = {"alone": alone, **beside.pop("orders")}
    return {"connections": CONNECTIONS, "reads": reads, "orders": orders, **beside, "book_updates": books}


def read(name: str) -> bytes:
    """The request of one of READS."""
    return post(f"/market-data/{name}", READS[name])


async def _reads(stack: Stack, port: int, pid: int, seconds: float) -> Figures:
    """The best of ROUNDS interleaved runs of each."""
    best: Figures = {}
    for _ in range(ROUNDS):
        for name in READS:
            runs = ((f"{name}, one call each", port, {"baseline": pid}), (name, stack.port, pids(stack)))
            for title, at, known in runs:
                found = await _read(at, name, known, seconds)
                if title not in best or found["per_second"] > best[title]["per_second"]:
                    best[title] = found
    return best


async def _read(port: int, name: str, known: dict[str, int], seconds: float) -> Figures:
    prepared = read(name)
    await saturate(port, lambda: prepared, connections=CONNECTIONS, seconds=1.5)
    before = cpu_seconds(known)
    sample = await saturate(port, lambda: prepared, connections=CONNECTIONS, seconds=seconds)
    spent = {each: round(1e6 * (after - before[each]) / len(sample.took)) for each, after in cpu_seconds(known).items()}
    return {**sample.figures(), "cpu_us": spent}


async def _alone(stack: Stack, accounts: list[str], seconds: float) -> Figures:
    await asyncio.sleep(WINDOW)
    return (await _orders(stack, accounts, seconds)).figures()


async def _orders(stack: Stack, accounts: list[str], seconds: float) -> Sample:
    """Places orders near the top of the book, as many as the limiter lets these accounts."""
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        best = (await client.post("/market-data/order-book", json=MARKET)).json()["bids"][0]["price"]
    order = {**MARKET, "trade_type": "BUY", "amount": "0.001", "order_type": "LIMIT", "price": f"{best * 0.999:.2f}"}
    prepared = cycle([post("/trading/orders", {**order, "account_name": account}) for account in accounts])
    rate = ORDERS_A_SECOND * len(accounts)
    return await paced(stack.port, lambda _: next(prepared), connections=8, rate=rate, seconds=seconds)


class _Listeners:
    """Subscribers and readers in a process of their own."""

    def __init__(self, stack: Stack, count: int) -> None:
        command = [sys.executable, "-m", "bench.market_listeners", str(stack.port), str(count)]
        # They stand for other machines: what they do with a frame is not to keep this one from anything.
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=give_way,  # noqa: PLW1509 - there is only this thread yet
        )

    async def ask(self, line: str | None = None) -> Figures:
        """The answer to a line; without one, what it says when all are there."""
        return await asyncio.to_thread(self._asked, line)

    def _asked(self, line: str | None) -> Figures:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if line is not None:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        told: Figures = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        """End them."""
        self._process.communicate()


async def _beside(stack: Stack, accounts: list[str], seconds: float, subscribers: int) -> Figures:
    """Subscribers and reads while orders are placed."""
    known = pids(stack)
    before = memory_bytes(known)
    listeners = _Listeners(stack, subscribers)
    try:
        await listeners.ask()
        await asyncio.sleep(WINDOW)
        streamed = await _streamed(stack, accounts, seconds, listeners, known)
        await asyncio.sleep(WINDOW)
        await listeners.ask(f"read {seconds}")
        loaded = (await _orders(stack, accounts, seconds)).figures()
        after = memory_bytes(known)
    finally:
        listeners.close()
    memory = {"before": before["gateway-api"], "after": after["gateway-api"]}
    orders = {f"beside {subscribers:,} subscribers": streamed.pop("orders")}
    orders[f"... and {READS_A_SECOND} reads a second"] = loaded
    return {"orders": orders, "subscribers": {"count": subscribers, **streamed, "memory": memory}}


async def _streamed(stack: Stack, accounts: list[str], seconds: float, listeners: _Listeners, known: dict[str, int]) -> Figures:
    """Figures of what the subscribers get while the book changes with each order."""
    before, began = cpu_seconds(known), time.perf_counter()
    await listeners.ask("count")
    orders = await _orders(stack, accounts, seconds)
    elapsed, heard = time.perf_counter() - began, await listeners.ask("tell")
    spent = {name: round((after - before[name]) / elapsed, 3) for name, after in cpu_seconds(known).items()}
    frames = heard.pop("frames")
    return {"orders": orders.figures(), "frames_per_second": round(frames / elapsed, 1), **heard, "cores": spent}


def _answers(port: int) -> Callable[[], bool]:
    def check() -> bool:
        try:
            return httpx.post(f"http://127.0.0.1:{port}/market-data/prices").status_code == 200
        except httpx.HTTPError:
            return False

    return check


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    reads = []
    for name, found in figures["reads"].items():
        spent = found["cpu_us"]
        own = spent.get("gateway-api", spent.get("baseline"))
        reads.append((name, found["per_second"], found["p50_ms"], found["p99_ms"], found["refused"], own))
    columns = ("", "a second", "p50 ms", "p99 ms", "refused")
    orders = [
        (name, *(found[part] for part in ("per_second", "p50_ms", "p99_ms", "refused"))) for name, found in _placed(figures)
    ]
    streamed, books = figures["subscribers"], figures["book_updates"]
    memory = {when: round(size / 2**20) for when, size in streamed["memory"].items()}
    conditions = (
        f"{figures['connections']} connections. `one call each` is the reference's way: the same web server, without a login, "
        "asks the exchange for each request; here the exchange is on the same machine. Microseconds are processor time of the "
        "web server's process a request."
    )
    told = (
        f"{streamed['count']:,} subscribers of one order book at 0.25 s on one gateway process: "
        f"{streamed['frames_per_second']:,} frames a second, {streamed['lag_p50_ms']} ms (p50) and {streamed['lag_p99_ms']} ms "
        f"(p99) from when market-data looked at the book until the frame was there; {streamed['dropped']} states dropped; "
        f"gateway {streamed['cores']['gateway-api']} cores, {memory['before']} MB before and {memory['after']} MB with them."
    )
    ingested = (
        f"The engine takes in {books['per_second']:,} book updates a second ({books['changes']} levels each) on one core, from "
        f"JSON text to the book: {books['cpu_us']} µs of processor time an update."
    )
    placing = "Placing orders with three accounts, alone and beside it:"
    return "\n\n".join((conditions, table((*columns, "server µs"), reads), told, ingested, placing, table(columns, orders)))


def _placed(figures: Figures) -> list[tuple[str, Figures]]:
    return list(figures["orders"].items())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Figures of market data.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--subscribers", type=int, default=1000)
    figures = measure(**vars(parser.parse_args()))
    show(figures, tables(figures))


if __name__ == "__main__":
    main()
