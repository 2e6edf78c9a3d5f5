"""Sandbox exchange, order operations a second on one core: `python bench/sandbox_orders.py [seconds a figure]`. Prints JSON.

25 accounts place, cancel and trade in one pair whose book holds thousands of their orders and the market maker's ladder.
`core` is the exchange alone, without disk or wire: the targets are 5,000 operations a second and a match in 1 ms at p99.
`durable` is the same behind the journal (one fsync for all that wait), by the number of clients that wait at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import uvloop
from sandbox_exchange.adapters.clock import Clock
from sandbox_exchange.adapters.journal import Journal
from sandbox_exchange.adapters.journal_files import Stored
from sandbox_exchange.domain.market.ladder import ladder
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.market.prices import RandomProcess
from sandbox_exchange.domain.spot.commands import CancelOrder, OpenAccount, PlaceOrder
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import OrderType, Side
from sandbox_exchange.handlers.recovery import Exchanges, fold
from sandbox_exchange.handlers.streams import Hub
from sandbox_exchange.handlers.venue import Venue

CONCURRENCY = (1, 16, 64)
ACCOUNTS, STANDING, SEED = 25, 5000, 20260101
PAIR = LISTED[0]
MIDDLE, RANGE = 95_000, 500
TARGETS = {"operations_per_second": 5000, "match_p99_ms": 1.0}


class Traders:
    """Accounts that keep a book busy, always the same way: half of what they ask rests, a quarter trades, a quarter cancels."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._dice = random.Random(SEED)
        self._placed: list[int] = []

    def next(self) -> tuple[str, PlaceOrder | CancelOrder]:
        """What the next account asks for, and what kind of operation that is."""
        kind = self._dice.choice(("rest", "rest", "match", "cancel"))
        side = self._dice.choice(tuple(Side))
        if kind == "cancel":
            while self._placed:
                index = self._dice.randrange(len(self._placed))
                self._placed[index], self._placed[-1] = self._placed[-1], self._placed[index]
                order = self._exchange.state.orders[self._placed.pop()]
                if order.is_open:
                    return kind, CancelOrder(order.account, order.symbol, order.id)
        if kind == "match":
            price = self._exchange.state.markets[PAIR.symbol].book.best(side.opposite)
            if price is not None:
                return kind, self._order(side, price)
        away = Decimal(self._dice.randint(10, RANGE)) * (-1 if side is Side.BUY else 1)
        return "rest", self._order(side, MIDDLE + away)

    def placed(self) -> None:
        """Note that the exchange's last order was accepted."""
        self._placed.append(self._exchange.state.last_order)

    def _order(self, side: Side, price: Decimal) -> PlaceOrder:
        account = f"{self._dice.randint(1, ACCOUNTS):06d}"
        return PlaceOrder(account, PAIR.symbol, side, OrderType.LIMIT, PAIR.quantity(self._dice.randint(100, 1000)), price)


def opened() -> tuple[Exchange, Traders]:
    """An exchange with funded accounts, a ladder and standing orders."""
    exchange = Exchange(LISTED)
    fund(exchange)
    traders = Traders(exchange)
    while len(exchange.state.orders) < STANDING:
        kind, command = traders.next()
        if kind == "rest":
            exchange.apply(command, 0)
            traders.placed()
    return exchange, traders


def fund(exchange: Exchange) -> None:
    """Open the accounts and quote the pair."""
    for number in range(ACCOUNTS):
        exchange.apply(OpenAccount(f"key{number}", "secret", (("USDT", Decimal(10**12)), ("BTC", Decimal(10**9)))), 0)
    exchange.apply(ladder(PAIR, int(MIDDLE / PAIR.tick), SEED), 0)


def latencies(took: Sequence[float], clock: str = "") -> dict[str, float]:
    """The middle and the 99th percentile of times in seconds, in ms."""
    ordered = sorted(took)
    middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return {f"{clock}p50_ms": round(1000 * middle, 4), f"{clock}p99_ms": round(1000 * late, 4)}


def figures(took: Mapping[str, Sequence[float]], elapsed: float, cpu: float) -> dict[str, object]:
    """Operations a second, and latencies by kind of operation."""
    count = sum(len(each) for each in took.values())
    by_kind = {kind: {"count": len(each), **latencies(each)} for kind, each in took.items()}
    return {"per_second": round(count / elapsed), "cpu_us": round(1e6 * cpu / count), **by_kind}


def of_core(seconds: float) -> dict[str, object]:
    """The exchange alone. `cpu_p99_ms` leaves out the time other processes had the core."""
    exchange, traders = opened()
    took: dict[str, list[float]] = {"rest": [], "match": [], "cancel": []}
    used: list[float] = []
    matches: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        kind, command = traders.next()
        cpu_start, start = time.thread_time(), time.perf_counter()
        exchange.apply(command, len(exchange.state.orders))
        took[kind].append(time.perf_counter() - start)
        used.append(time.thread_time() - cpu_start)
        if kind == "match":
            matches.append(used[-1])
        elif kind == "rest":
            traders.placed()
    found = figures(took, sum(sum(each) for each in took.values()), sum(used))
    return found | {"match_by_cpu": latencies(matches, "cpu_")}


async def of_durable(directory: Path, concurrency: int, seconds: float) -> dict[str, object]:
    """The exchange behind its journal, with so many clients that each wait for their answer."""
    exchange, journal = Exchange(LISTED), Journal(directory, segment_records=10**9)

    def restore(stored: Stored) -> int:
        return fold(Exchanges(exchange), stored)[0]

    journal.open(restore)
    venue = Venue(exchange, journal, Clock(), Hub(), {pair.symbol: RandomProcess(pair, SEED) for pair in LISTED})
    fund(exchange)
    traders = Traders(exchange)
    took: dict[str, list[float]] = {"rest": [], "match": [], "cancel": []}
    writer = asyncio.create_task(journal.run())
    until = time.perf_counter() + seconds

    async def work() -> None:
        while (start := time.perf_counter()) < until:
            kind, command = traders.next()
            venue.tell(command)
            if kind == "rest":
                traders.placed()
            await venue.settled()
            took[kind].append(time.perf_counter() - start)

    cpu, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    found = figures(took, time.perf_counter() - start, time.process_time() - cpu)
    journal.stop()
    await writer
    journal.close()
    return found


def main(seconds: float) -> None:
    """Print the figures of one core."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-bench-"))
    try:
        durable = {str(n): uvloop.run(of_durable(directory / str(n), n, seconds)) for n in CONCURRENCY}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps({"targets": TARGETS, "core": of_core(seconds), "durable": durable}, indent=2))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
