"""Reads of one exchange while another one gives no answer: `python -m bench.dead_exchange [--seconds S]`.

For a while the contracts' exchange takes every request about one pair and answers none, and many ask for that pair's book and
candles. A book of the other exchange and the funding of another contract are read at a steady rate before and meanwhile, in one
run. Both are answered by market-data, nothing from the gateway's copies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from typing import Any

import uvloop

from bench.load import paced, request
from bench.report import Figures, show, table
from tests.safety.exchange import Exchange
from tests.stack import PASSWORD, USERNAME, Stack, running

RATE = 50
"""Requests a second of each kind."""

ASKING = 32
"""Clients that wait for the dead one at any time."""

DEAD = {"connector_name": "binance_perpetual", "trading_pair": "ETH-USDT"}
DEAD_READS: Mapping[str, Mapping[str, Any]] = {"order-book": DEAD, "candles": {**DEAD, "interval": "5m"}}
GOOD = {"connector_name": "binance", "trading_pair": "BTC-USDT"}


def measure(seconds: float = 10.0) -> Figures:
    """Latencies of each kind of read, alone and beside the dead exchange, and what those who asked for it got."""
    with running(GATEWAY_API_RATE_LIMIT="0") as stack:
        return uvloop.run(_measured(stack, seconds))


async def _measured(stack: Stack, seconds: float) -> Figures:
    exchange, reads = Exchange(stack), _reads()
    await _read(stack, reads, 3)
    alone = await _read(stack, reads, seconds)
    for endpoint in ("depth", "klines"):
        fault = {"kind": "timeout_before", "endpoint": endpoint, "symbol": "ETHUSDT", "milliseconds": 60_000}
        await exchange.inject(fault)
    waiting = asyncio.create_task(_ask(stack, ASKING))
    await asyncio.sleep(2)
    beside = await _read(stack, reads, seconds)
    still = sum(not task.done() for task in asyncio.all_tasks()) - 1
    waiting.cancel()
    fired = await exchange.fired()
    await exchange.clear()
    return {"alone": alone, "beside": beside, "unanswered": fired["timeout_before"], "waiting": still}


def _reads() -> Mapping[str, bytes]:
    bodies: Mapping[str, Mapping[str, Any]] = {
        "order-book/price-for-volume": {**GOOD, "is_buy": True, "volume": "0.5"},
        "funding-info": {"connector_name": "binance_perpetual", "trading_pair": "BTC-USDT"},
    }
    return {route: _request(route, body) for route, body in bodies.items()}


def _request(route: str, body: Mapping[str, Any]) -> bytes:
    return request("POST", f"/market-data/{route}", USERNAME, PASSWORD, json.dumps(body).encode())


async def _read(stack: Stack, reads: Mapping[str, bytes], seconds: float) -> Figures:
    async def one(prepared: bytes) -> Figures:
        return (await paced(stack.port, lambda _: prepared, connections=8, rate=RATE, seconds=seconds)).figures()

    found = await asyncio.gather(*map(one, reads.values()))
    return dict(zip(reads, found, strict=True))


async def _ask(stack: Stack, count: int) -> None:
    """Ask for the dead one's book and candles, again and again."""
    dead = [_request(route, body) for route, body in DEAD_READS.items()]

    async def asking(number: int) -> None:
        while True:
            await paced(stack.port, lambda _: dead[number % len(dead)], connections=1, rate=1, seconds=1)

    await asyncio.gather(*map(asking, range(count)))


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    rows = [
        (route, *(figures[when][route][part] for when in ("alone", "beside") for part in ("p50_ms", "p99_ms", "refused")))
        for route in figures["alone"]
    ]
    told = (
        f"{RATE} requests a second of each kind, all answered by market-data; meanwhile {ASKING} clients ask for a book and "
        f"candles of an exchange that answered none of {figures['unanswered']} requests."
    )
    return "\n\n".join((told, table(("", "alone p50 ms", "p99 ms", "refused", "beside p50 ms", "p99 ms", "refused"), rows)))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Reads beside an exchange that does not answer.")
    parser.add_argument("--seconds", type=float, default=10.0)
    figures = measure(**vars(parser.parse_args()))
    show(figures, tables(figures))


if __name__ == "__main__":
    main()
