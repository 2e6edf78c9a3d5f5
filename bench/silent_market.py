"""Reads of other markets while the exchange is silent about one: `python -m bench.silent_market [--seconds S]`.

For a while the exchange takes every request for one pair's book and candles and answers none, and many ask for them. The book
of another pair of another exchange and the funding of another contract are read at a steady rate before and meanwhile, in one
run. Both are answered by market-data, nothing from the gateway's copies. (The sandbox's two exchanges are one process: it
cannot be silent about one of them as a whole.)
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any

import uvloop

from bench.load import paced, post
from bench.report import Figures, show, table
from tests.safety.exchange import Exchange
from tests.stack import Stack, running

RATE = 50
"""Requests a second of each kind."""

ASKING = 32
"""Clients that ask for the silent market, each again when it has its answer."""

SILENT = {"connector_name": "binance_perpetual", "trading_pair": "ETH-USDT"}
SILENT_READS: Mapping[str, Mapping[str, Any]] = {"order-book": SILENT, "candles": {**SILENT, "interval": "5m"}}
GOOD = {"connector_name": "binance", "trading_pair": "BTC-USDT"}


def measure(seconds: float = 10.0) -> Figures:
    """Latencies of each kind of read, alone and beside the silent market, and what the exchange left unanswered."""
    with running(GATEWAY_API_RATE_LIMIT="0") as stack:
        return uvloop.run(_measured(stack, seconds))


async def _measured(stack: Stack, seconds: float) -> Figures:
    exchange, reads = Exchange(stack), _reads()
    try:
        await _read(stack, reads, 3)
        alone = await _read(stack, reads, seconds)
        for endpoint in ("depth", "klines"):
            fault = {"kind": "timeout_before", "endpoint": endpoint, "symbol": "ETHUSDT", "milliseconds": 60_000}
            await exchange.inject(fault)
        asking = asyncio.create_task(_ask(stack, ASKING))
        while (await exchange.fired())["timeout_before"] < len(SILENT_READS):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.2)
        beside = await _read(stack, reads, seconds)
        asking.cancel()
        return {"alone": alone, "beside": beside, "unanswered": (await exchange.fired())["timeout_before"]}
    finally:
        await exchange.close()


def _reads() -> Mapping[str, bytes]:
    bodies: Mapping[str, Mapping[str, Any]] = {
        "order-book/price-for-volume": {**GOOD, "is_buy": True, "volume": "0.5"},
        "funding-info": {"connector_name": "binance_perpetual", "trading_pair": "BTC-USDT"},
    }
    return {route: post(f"/market-data/{route}", body) for route, body in bodies.items()}


async def _read(stack: Stack, reads: Mapping[str, bytes], seconds: float) -> Figures:
    async def one(prepared: bytes) -> Figures:
        return (await paced(stack.port, lambda _: prepared, connections=8, rate=RATE, seconds=seconds)).figures()

    found = await asyncio.gather(*map(one, reads.values()))
    return dict(zip(reads, found, strict=True))


async def _ask(stack: Stack, count: int) -> None:
    """Ask for the silent market's book and candles, again and again."""
    silent = [post(f"/market-data/{route}", body) for route, body in SILENT_READS.items()]

    async def asking(number: int) -> None:
        while True:
            await paced(stack.port, lambda _: silent[number % len(silent)], connections=1, rate=1, seconds=1)

    await asyncio.gather(*map(asking, range(count)))


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    rows = [
        (route, *(figures[when][route][part] for when in ("alone", "beside") for part in ("p50_ms", "p99_ms", "refused")))
        for route in figures["alone"]
    ]
    told = (
        f"{RATE} requests a second of each kind, all answered by market-data; meanwhile {ASKING} clients ask for the book "
        "and candles of a market about which the exchange answers nothing; "
        f"it left {figures['unanswered']} requests unanswered."
    )
    return "\n\n".join((told, table(("", "alone p50 ms", "p99 ms", "refused", "beside p50 ms", "p99 ms", "refused"), rows)))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Reads beside a market the exchange is silent about.")
    parser.add_argument("--seconds", type=float, default=10.0)
    figures = measure(**vars(parser.parse_args()))
    show(figures, tables(figures))


if __name__ == "__main__":
    main()
