"""Historical candles of one minute beside the reference's way: `python -m bench.candles` (a month) or `... year` (also a year).

The reference asks the exchange for all pages on every request. Here that is done as cheaply as it can be: one page of 1,000
after the other over one connection, parsed and written as the contract's JSON, without a server in between and without a feed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import httpx

from bench.processes import cpu_seconds, memory_bytes, pids
from bench.report import Figures, show, table
from tests.stack import PASSWORD, USERNAME, Stack, running

DAY, PAGE = 86_400, 1000
MONTH, YEAR = 30, 365
CONNECTOR, PAIR = "binance", "BTC-USDT"
COLUMNS = (
    *("timestamp", "open", "high", "low", "close", "volume"),
    *("quote_asset_volume", "n_trades", "taker_buy_base_volume", "taker_buy_quote_volume"),
)
PLACES = (1, 2, 3, 4, 5, 7, 8, 9, 10)
"""Where the exchange's row has the columns after the time."""


def measure(*, year: bool = True, warm: int = 5) -> Figures:
    """Milliseconds, processor time by process, and memory."""
    end = int(time.time()) // 3600 * 3600
    with running() as stack, httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=200) as client:
        client.get("/market-data/available-candle-connectors").raise_for_status()  # loads the engine
        history(client, end, 0.05)
        figures = {"month, cold": _timed(stack, 1, lambda: history(client, end, MONTH))}
        figures["month, warm"] = _timed(stack, warm, lambda: history(client, end, MONTH))
        figures["month, the reference's way"] = _timed(stack, 1, lambda: pages(stack, end, MONTH))
        if year:
            figures["year, its other months cold"] = _timed(stack, 1, lambda: history(client, end, YEAR))
            figures["year, warm"] = _timed(stack, 3, lambda: history(client, end, YEAR))
            figures["year, the reference's way"] = _timed(stack, 1, lambda: pages(stack, end, YEAR))
    return {"figures": figures}


def history(client: httpx.Client, end: int, days: float) -> int:
    """One request for history; the number of candles."""
    start = end - int(days * DAY)
    body = {"connector_name": CONNECTOR, "trading_pair": PAIR, "interval": "1m", "start_time": start, "end_time": end - 60}
    while True:
        with client.stream("POST", "/market-data/historical-candles", json=body) as answer:
            text = b"".join(answer.iter_raw())
        if answer.status_code == 200:
            return text.count(b'"timestamp"')
        if answer.status_code != 504:  # the exchange was slow: asked again, it goes on
            raise RuntimeError(text.decode())


def pages(stack: Stack, end: int, days: float) -> int:
    """The same candles, all asked of the exchange."""
    port = json.loads((stack.home / "run/ports.json").read_text())["sandbox-exchange"]
    rows: list[dict[str, float]] = []
    start = end - int(days * DAY)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for first in range(start, end, PAGE * 60):
            last = min(first + PAGE * 60, end) * 1000 - 1
            query: dict[str, str | int] = {"symbol": "BTCUSDT", "interval": "1m", "startTime": first * 1000, "endTime": last}
            bars = client.get("/api/v3/klines", params={**query, "limit": PAGE}).raise_for_status().json()
            for bar in bars:
                rows.append(dict(zip(COLUMNS, (bar[0] / 1000, *(float(bar[place]) for place in PLACES)), strict=True)))
    return json.dumps(rows).count('"timestamp"')


def _timed(stack: Stack, times: int, work: Callable[[], int]) -> Figures:
    known, taken, candles = pids(stack), [], 0
    before = cpu_seconds(known)
    for _ in range(times):
        began = time.perf_counter()
        candles = work()
        taken.append(time.perf_counter() - began)
    used, memory = cpu_seconds(known), memory_bytes(known)
    return {
        "candles": candles,
        "ms": round(1000 * median(taken)),
        "best_ms": round(1000 * min(taken)),
        **{f"{name} cpu_ms": round(1000 * (used[name] - before[name]) / times) for name in PROCESSES},
        **{f"{name} mib": round(memory[name] / 2**20) for name in PROCESSES[:2]},
    }


PROCESSES = ("gateway-api", "market-data", "nats", "sandbox-exchange")


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    rows = [(name, *measured.values()) for name, measured in figures["figures"].items()]
    columns = ("", "candles", "ms (median)", "best ms", *(f"{name} cpu ms" for name in PROCESSES))
    text = (
        "Through the gateway, read to the last byte and not parsed. `cold` is the first request: the exchange gives pages of "
        "1,000. The reference's way parses the pages and writes the answer in the load generator's process, whose processor "
        "time is not in the table. Memory is proportional, right after the requests."
    )
    return f"{text}\n\n{table((*columns, *(f'{name} MiB' for name in PROCESSES[:2])), rows)}"


if __name__ == "__main__":
    found = measure(year="year" in sys.argv[1:])
    show(found, tables(found))
