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
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx
import uvloop
from hummingbus.embedded.ports import free_port

from bench import book_updates
from bench.gateway import ORDERS_A_SECOND, open_sessions
from bench.load import Sample, paced, request, saturate
from bench.processes import cpu_seconds, memory_bytes, pids
from bench.report import ROOT, Figures, show, table
from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

CONNECTIONS = 16
ROUNDS = 3
MARKET = {"connector_name": "binance", "trading_pair": "BTC-USDT"}
READS: Mapping[str, Mapping[str, Any]] = {
    "prices": {"connector_name": "binance", "trading_pairs": ["BTC-USDT"]},
    "order-book": MARKET,
    "candles": {**MARKET, "max_records": 500},
}
"""Route and body; 10 levels, 500 candles."""

READS_BESIDE = 500
"""Requests a second for the order book, beside the subscribers, while orders are placed."""

WINDOW = 10.5
"""Seconds in which the engine's limiter counts orders."""

AT_ONCE = 50
"""Sockets opened at the same time."""


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
            (account,) = open_sessions(stack, 1)
            alone = uvloop.run(_alone(stack, account, max(seconds, 10)))
            beside = uvloop.run(_beside(stack, account, max(seconds, 10), subscribers))
            books = asyncio.run(book_updates.measure(exchange))
        finally:
            baseline.terminate()
            baseline.wait()
    orders = {"alone": alone, **beside.pop("orders")}
    return {"connections": CONNECTIONS, "reads": reads, "orders": orders, **beside, "book_updates": books}


def read(name: str) -> bytes:
    """The request of one of READS."""
    return request("POST", f"/market-data/{name}", USERNAME, PASSWORD, json.dumps(READS[name]).encode())


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


async def _alone(stack: Stack, account: str, seconds: float) -> Figures:
    await asyncio.sleep(WINDOW)
    return (await _orders(stack, account, seconds)).figures()


async def _orders(stack: Stack, account: str, seconds: float) -> Sample:
    """Places orders near the top of the book, as many as the limiter lets one account."""
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        best = (await client.post("/market-data/order-book", json=MARKET)).json()["bids"][0]["price"]
    order = {"account_name": account, **MARKET, "trade_type": "BUY", "amount": "0.001", "order_type": "LIMIT"}
    body = json.dumps({**order, "price": f"{best * 0.999:.2f}"}).encode()
    prepared = request("POST", "/trading/orders", USERNAME, PASSWORD, body)
    return await paced(stack.port, lambda _: prepared, connections=4, rate=ORDERS_A_SECOND, seconds=seconds)


@dataclass
class _Heard:
    """What subscribers got: seconds from when market-data looked until a frame was there, and what they were too slow for."""

    lags: list[float] = field(default_factory=list)
    dropped: int = 0
    counting: bool = False

    def frame(self, text: str) -> None:
        now = time.time()
        if not self.counting or '"order_book"' not in text:
            return
        frame = json.loads(text)
        self.lags.append(now - frame["timestamp"])
        self.dropped += frame.get("dropped", 0)


async def _beside(stack: Stack, account: str, seconds: float, subscribers: int) -> Figures:
    """Subscribers and reads while orders are placed."""
    heard, known = _Heard(), pids(stack)
    before = memory_bytes(known)
    async with AsyncExitStack() as leaving:
        session = await leaving.enter_async_context(
            aiohttp.ClientSession(auth=aiohttp.BasicAuth(USERNAME, PASSWORD), connector=aiohttp.TCPConnector(limit=0))
        )
        places = asyncio.Semaphore(AT_ONCE)
        tasks = [asyncio.create_task(_subscribe(stack, session, heard, places)) for _ in range(subscribers)]
        opened = await asyncio.gather(*tasks)
        listening = [asyncio.create_task(_listen(socket, heard)) for socket in opened]
        await asyncio.sleep(WINDOW)
        streamed = await _streamed(stack, account, seconds, heard, known)
        book = read("order-book")
        await asyncio.sleep(WINDOW)
        reading = asyncio.create_task(
            paced(stack.port, lambda _: book, connections=CONNECTIONS, rate=READS_BESIDE, seconds=seconds)
        )
        loaded = (await _orders(stack, account, seconds)).figures()
        await reading
        after = memory_bytes(known)
        for task in listening:
            task.cancel()
    memory = {"before": before["gateway-api"], "after": after["gateway-api"]}
    orders = {f"beside {subscribers:,} subscribers": streamed.pop("orders")}
    orders[f"... and {READS_BESIDE} reads a second"] = loaded
    return {"orders": orders, "subscribers": {"count": subscribers, **streamed, "memory": memory}}


async def _streamed(stack: Stack, account: str, seconds: float, heard: _Heard, known: dict[str, int]) -> Figures:
    """Figures of what the subscribers get while the book changes with each order."""
    before, began, heard.counting = cpu_seconds(known), time.perf_counter(), True
    orders = await _orders(stack, account, seconds)
    elapsed, lags, heard.counting = time.perf_counter() - began, sorted(heard.lags), False
    spent = {name: round((after - before[name]) / elapsed, 3) for name, after in cpu_seconds(known).items()}
    return {
        "orders": orders.figures(),
        "frames_per_second": round(len(lags) / elapsed, 1),
        "lag_p50_ms": round(1000 * lags[len(lags) // 2], 1),
        "lag_p99_ms": round(1000 * lags[len(lags) * 99 // 100], 1),
        "dropped": heard.dropped,
        "cores": spent,
    }


async def _subscribe(
    stack: Stack, session: aiohttp.ClientSession, heard: _Heard, places: asyncio.Semaphore
) -> aiohttp.ClientWebSocketResponse:
    async with places:
        socket = await session.ws_connect(f"{stack.url}/ws/market-data", compress=0)
        await socket.receive()
        wanted = {"connector": "binance", "trading_pair": "BTC-USDT", "depth": 10, "update_interval": 0.25}
        await socket.send_json({"action": "subscribe", "type": "order_book", **wanted})
        while json.loads((await socket.receive()).data)["type"] != "order_book":
            pass
        return socket


async def _listen(socket: aiohttp.ClientWebSocketResponse, heard: _Heard) -> None:
    async for message in socket:
        heard.frame(message.data)


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
    placing = "Placing orders with one account, alone and beside it:"
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
