"""How long the gateway needs to serve again after `kill -9` of each process: `python -m bench.recovery`.

Two requests are asked all the time, one that the accounts service answers and one of the trading service, while the stack's
own status tells when the process is ready again under another pid.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import asyncpg
import httpx
from dotenv import dotenv_values

from bench.executors import account
from bench.report import Figures, show, table
from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

DEADLINE = 120.0
MOVES = "lease moves to another replica"
ENDINGS = {"killed (kill -9)": signal.SIGKILL, "stopped gracefully": signal.SIGTERM, "paused (SIGSTOP)": signal.SIGSTOP}
ORDER = ("nats", "postgres", "sandbox-exchange", "accounts", "trading", "gateway-api")


def measure() -> Figures:
    """Milliseconds by process until requests are served and until the process is ready, and until a session moved."""
    with running() as stack, httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=2) as client:
        found = {name: _killed(stack, client, name) for name in ORDER}
    return {**found, MOVES: moves()}


def moves() -> Figures:
    """Milliseconds from the end of a session's holder until another replica has it and has compared it with the exchange."""
    with running(HUMMINGBUS_TRADING_REPLICAS="2") as stack:
        account(stack, "moving")
        return {how: asyncio.run(_moved(stack, ending)) for how, ending in ENDINGS.items()}


async def _moved(stack: Stack, ending: signal.Signals) -> int:
    connection = await asyncpg.connect(dotenv_values(stack.home / "run" / "trading.env")["TRADING_DATABASE_URL"])
    ready = "SELECT holder FROM trading.sessions WHERE state = 'ready'"
    async with asyncio.timeout(DEADLINE):
        while not _all_ready(stack) or not (holder := await connection.fetchval(ready)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.2)
        name = "trading" if holder == "trading-1" else holder
        pid = stack.processes()[name]["pid"]
        begun = time.perf_counter()
        os.kill(pid, ending)
        while await connection.fetchval(ready) in (None, holder):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.01)
        took = time.perf_counter() - begun
    if ending is signal.SIGSTOP:
        os.kill(pid, signal.SIGCONT)
    await connection.close()
    return round(1000 * took)


def _all_ready(stack: Stack) -> bool:
    return all(process["ready"] for process in stack.processes().values())


def _killed(stack: Stack, client: httpx.Client, name: str) -> Figures:
    eventually(lambda: _serves(client), "requests are served")
    refused: list[float] = []
    over = threading.Event()

    def probe() -> None:
        while not over.is_set():
            asked = time.perf_counter()
            if not _serves(client):
                refused.append(asked)
            time.sleep(0.01)

    killed = stack.kill(name)
    begun = time.perf_counter()
    prober = threading.Thread(target=probe)
    prober.start()
    try:
        eventually(lambda: _again(stack, name, killed), f"{name} is ready again")
        ready = time.perf_counter()
        eventually(lambda: _serves(client), f"requests are served after {name} was killed")
    finally:
        over.set()
        prober.join()
    served = max(refused) - begun if refused else 0.0
    return {"serving_ms": round(1000 * served), "ready_ms": round(1000 * (ready - begun))}


def _again(stack: Stack, name: str, killed: int) -> bool:
    process = stack.processes()[name]
    return bool(process["ready"]) and process["pid"] != killed


def _serves(client: httpx.Client) -> bool:
    try:
        answers = client.get("/accounts/"), client.post("/trading/orders/search", json={"limit": 1})
    except httpx.HTTPError:
        return False
    return all(answer.status_code == 200 for answer in answers)


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    text = "Milliseconds after the kill until the last request that was not served, and until the process was ready again."
    rows = [(name, found["serving_ms"], found["ready_ms"]) for name, found in figures.items() if name != MOVES]
    killed = f"{text}\n\n{table(('killed', 'requests served ms', 'process ready ms'), rows)}"
    if MOVES not in figures:
        return killed
    moved = "Milliseconds until another of two trading replicas has a session, connected and compared with the exchange."
    return f"{killed}\n\n{moved}\n\n{table(('its holder was', 'lease moves to another replica ms'), figures[MOVES].items())}"


if __name__ == "__main__":
    found = measure()
    show(found, tables(found))
