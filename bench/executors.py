"""What live executors cost one trading replica: `python -m bench.executors [--count N] [--seconds S]`.

Executors of four types wait for prices that do not come, as most executors do most of the time; one in ten has an order on the
book. They are spread over accounts, because an exchange takes only so many orders of one account.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import CreateExecutor, ExecutorAccepted
from dotenv import dotenv_values
from eventlog.log import EventLog
from service_kit.bus import Bus
from service_kit.metrics import measured

from bench.processes import cpu_seconds, memory_bytes, pids
from bench.report import Figures, show, table
from tests.stack import PASSWORD, USERNAME, Stack, running

COUNT = 1000
FEW = 10
SECONDS = 20.0
ACCOUNTS = 5
AT_ONCE = 8
CONNECTOR, PAIRS = "binance", ("BTC-USDT", "ETH-USDT")
LATE = "hummingbus_executor_step_late_seconds"
DEADLINE = 300.0
PROCESSES = ("trading", "postgres", "nats", "sandbox-exchange")


def measure(count: int = COUNT, seconds: float = SECONDS) -> Figures:
    """Processor time, memory and lateness with FEW executors and with `count` of them."""
    with running() as stack:
        accounts = [account(stack, f"bench-{number}") for number in range(ACCOUNTS)]
        return asyncio.run(_measured(stack, accounts, count, seconds))


def account(stack: Stack, name: str) -> str:
    """A new account with a key of the sandbox exchange; its name."""
    keys = stack.sandbox_account(USDT="100000000", BTC="1000", ETH="10000")
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        client.post("/accounts/add-account", params={"account_name": name}).raise_for_status()
        credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        client.post(f"/accounts/add-credential/{name}/{CONNECTOR}", json=credential).raise_for_status()
    return name


def config(number: int) -> dict[str, Any]:
    """The configuration of the executor of this number: far below the market, and most of them not to be placed yet."""
    pair = PAIRS[number % len(PAIRS)]
    price, market = ("20000", {"connector_name": CONNECTOR, "trading_pair": pair})
    if pair == "ETH-USDT":
        price = "500"
    amount = "0.01" if pair == "BTC-USDT" else "0.4"
    barriers = {"open_order_type": "LIMIT", "time_limit": 86400, "stop_loss": "0.05", "take_profit": "0.05"}
    below = [str(int(price) - step) for step in (0, 10, 20)]
    match number % 10:
        case 0:
            return {**market, "type": "order_executor", "side": "BUY", "amount": amount, "price": price, **_limit()}
        case 1 | 2 | 3:
            dca = {"type": "dca_executor", "side": "BUY", "amounts_quote": ["100"] * 3, "prices": below, "take_profit": "0.05"}
            return {**market, **dca, "stop_loss": "0.2", "time_limit": 86400, "activation_bounds": ["0.01"]}
        case 4:
            twap = {"type": "twap_executor", "side": "BUY", "total_amount_quote": "300", "mode": "TAKER"}
            return {**market, **twap, "total_duration": 86400, "order_interval": 43200}
        case _:
            entry = {"type": "position_executor", "side": "BUY", "amount": amount, "entry_price": price}
            return {**market, **entry, "triple_barrier_config": barriers, "activation_bounds": ["0.01"]}


def _limit() -> dict[str, Any]:
    return {"execution_strategy": "LIMIT", "position_action": "OPEN"}


async def _measured(stack: Stack, accounts: list[str], count: int, seconds: float) -> Figures:
    async with _inside(stack) as (bus, log):
        await _ready(log, len(accounts))
        # The engine's executor classes and the order books are there with the first ones.
        await _create(bus, accounts, range(FEW))
        await _running(log, FEW)
        idle = await _window(stack, log, seconds)
        started = time.perf_counter()
        await _create(bus, accounts, range(FEW, count))
        await _running(log, count)
        took = time.perf_counter() - started
        # What creating them left behind is done by then.
        await asyncio.sleep(seconds / 3)
        busy = await _window(stack, log, seconds)
    more = count - FEW
    per = {
        "cpu_ms_per_s": round(10 * (busy["cpu_percent"]["trading"] - idle["cpu_percent"]["trading"]) / more, 4),
        "memory_kib": round(1024 * (busy["memory_mib"]["trading"] - idle["memory_mib"]["trading"]) / more, 1),
    }
    return {"count": count, "seconds": seconds, "start_s": round(took, 1), "idle": idle, "busy": busy, "executor": per}


@asynccontextmanager
async def _inside(stack: Stack) -> AsyncIterator[tuple[Bus, EventLog]]:
    settings = dotenv_values(stack.home / "run" / "trading.env")
    bus = Bus("trading", str(settings["TRADING_NATS_URL"]))
    log = EventLog(str(settings["TRADING_DATABASE_URL"]), context="trading")
    await bus.start()
    await log.attach()
    yield bus, log
    await log.stop()
    await bus.stop()


async def _ready(log: EventLog, count: int) -> None:
    await _until(log, "SELECT count(*) FROM sessions WHERE state = 'ready'", count)


async def _running(log: EventLog, count: int) -> None:
    await _until(log, "SELECT count(*) FROM executors WHERE closed_at IS NULL AND status = 'RUNNING'", count)


async def _until(log: EventLog, query: str, count: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while (await log.fetch(query))[0][0] < count:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.5)


async def _create(bus: Bus, accounts: list[str], which: range) -> None:
    numbers = iter(which)

    async def some() -> None:
        for number in numbers:
            metadata = Metadata()
            command = CreateExecutor(account=accounts[number % len(accounts)], executor_config=config(number))
            async with asyncio.timeout(DEADLINE):
                while True:
                    try:
                        await bus.command(command, ExecutorAccepted, metadata, timeout=40)
                        break
                    except Unavailable:
                        await asyncio.sleep(1)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _window(stack: Stack, log: EventLog, seconds: float) -> Figures:
    """Processor time, memory, stored events and lateness within `seconds`."""
    known = {name: pid for name, pid in pids(stack).items() if name in PROCESSES}
    before, late, stored, at = cpu_seconds(known), await _late(stack), await _events(log), time.perf_counter()
    await asyncio.sleep(seconds)
    after, late_after, stored_after = cpu_seconds(known), await _late(stack), await _events(log)
    elapsed = time.perf_counter() - at
    steps = {bound: late_after[bound] - late.get(bound, 0) for bound in late_after}
    return {
        "cpu_percent": {name: round(100 * (after[name] - before[name]) / elapsed, 1) for name in known},
        "memory_mib": {name: round(size / 2**20, 1) for name, size in memory_bytes(known).items()},
        "events_per_s": round((stored_after - stored) / elapsed, 1),
        "steps_per_s": round(max(steps.values(), default=0) / elapsed, 1),
        **{f"late_p{part}_ms": _quantile(steps, part / 100) for part in (50, 99)},
    }


async def _events(log: EventLog) -> int:
    return int((await log.fetch("SELECT count(*) FROM stored_events"))[0][0])


async def _late(stack: Stack) -> dict[float, float]:
    """How many steps were at most so late, by seconds."""
    port = stack.processes()["trading"]["port"]
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=30)).text
    return {float(labels["le"]): value for labels, value in measured(text, f"{LATE}_bucket")}


def _quantile(steps: dict[float, float], part: float) -> float | None:
    """The quantile in milliseconds, between the bounds it lies in; None without a step."""
    bounds = [(0.0, 0.0), *sorted(steps.items())]
    wanted = part * bounds[-1][1]
    for (low, less), (high, more) in pairwise(bounds):
        if more >= wanted and more > less:
            return round(1000 * (low + (high - low) * (wanted - less) / (more - less)), 1) if high != float("inf") else None
    return None


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    count = figures["count"]
    text = (
        f"{count:,} waiting executors (50 % position, 30 % DCA, 10 % TWAP after its first order, 10 % order with its order on "
        f"the book) on one trading replica, {ACCOUNTS} accounts and {len(PAIRS)} pairs, for {figures['seconds']:g} s; created "
        f"and running after {figures['start_s']:g} s. Each takes a step every second; `late` is how long after its time. One "
        f"executor costs {figures['executor']['cpu_ms_per_s']:g} ms of processor time a second and "
        f"{figures['executor']['memory_kib']:g} KiB."
    )
    both = ((str(FEW), figures["idle"]), (f"{count:,}", figures["busy"]))
    rows = [
        (
            name,
            *(one["cpu_percent"][process] for process in PROCESSES),
            one["memory_mib"]["trading"],
            one["steps_per_s"],
            one["events_per_s"],
            one["late_p50_ms"],
            one["late_p99_ms"],
        )
        for name, one in both
    ]
    columns = ("executors", *(f"{process} % of a core" for process in PROCESSES))
    return f"{text}\n\n{table((*columns, 'trading MiB', 'steps/s', 'events/s', 'late p50 ms', 'late p99 ms'), rows)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    found = measure(given.count, given.seconds)
    show(found, tables(found))
