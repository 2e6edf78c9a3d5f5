"""What goes wrong in a round: the exchange's faults and killed processes, drawn from the round's seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from hummingbus.embedded.ports import read_ports
from hummingbus.home import Home
from hummingbus.secrets import load_secrets

from tests.stack import Stack, eventually

PROCESSES = ("trading", "accounts", "gateway-api", "nats", "postgres", "sandbox-exchange")
FAULT_PAUSE = (0.5, 2.0)
LONGEST_FAULT = 15
FAULTS: dict[str, dict[str, Any]] = {
    "latency": {"milliseconds": 300, "jitter": 1500, "probability": 0.5, "seconds": 4},
    "timeout_before": {"endpoint": "order.place", "count": 3, "milliseconds": 500, "seconds": LONGEST_FAULT},
    "timeout_after": {"endpoint": "order.place", "count": 3, "milliseconds": 500, "seconds": LONGEST_FAULT},
    "error_before": {"count": 5, "probability": 0.5, "seconds": LONGEST_FAULT},
    "error_after": {"endpoint": "order.place", "count": 3, "seconds": LONGEST_FAULT},
    "unknown_after": {"endpoint": "order.place", "count": 3, "seconds": LONGEST_FAULT},
    "drop_events": {"endpoint": "user_stream", "probability": 0.5, "seconds": 5},
    "duplicate_events": {"endpoint": "user_stream", "probability": 0.5, "seconds": 5},
    "reorder_events": {"endpoint": "user_stream", "probability": 0.5, "milliseconds": 800, "seconds": 5},
    "cut_socket": {"endpoint": "user_stream", "count": 2, "seconds": LONGEST_FAULT},
    "rate_limit": {"count": 3, "retry_after": 1, "seconds": LONGEST_FAULT},
    "clock_skew": {"milliseconds": -7000, "probability": 0.3, "seconds": 3},
    "partial_fills": {"pieces": 3, "probability": 0.7, "seconds": 8},
    "maintenance": {"seconds": 1},
    "halt": {"symbol": "BTCUSDT", "seconds": 1},
}
LOST_ANSWERS = ("timeout_before", "timeout_after", "error_after", "unknown_after")
ELSEWHERE = ("order.cancel", "order.query", "trades", "open_orders", "account")


class Exchange:
    """The operator's door of a stack's sandbox exchange."""

    def __init__(self, stack: Stack) -> None:
        home = Home(Path(stack.home))
        port = read_ports(home.ports)["sandbox-exchange"]
        token = load_secrets(home)["sandbox_admin_token"]
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"X-Admin-Token": token}, timeout=15)

    async def inject(self, fault: dict[str, Any]) -> None:
        """Put a fault in force."""
        answer = await self._http.post("/admin/faults", json=fault)
        assert answer.status_code == 201, answer.text

    async def fired(self) -> Counter[str]:
        """How often the faults of each kind have fired since the exchange started."""
        counts: Counter[str] = Counter()
        for fault in (await self._http.get("/admin/faults")).json():
            counts[fault["kind"]] += fault["fired"]
        return counts

    async def clear(self) -> None:
        """End all faults."""
        (await self._http.delete("/admin/faults")).raise_for_status()

    async def ledger(self, api_key: str) -> dict[str, Any]:
        """All the exchange holds of an account."""
        ledger: dict[str, Any] = (await self._http.get(f"/admin/accounts/{api_key}/ledger")).raise_for_status().json()
        return ledger

    async def close(self) -> None:
        await self._http.aclose()


class Adversary:
    """Injects and kills while a round goes on. `injected`, `fired` and `killed` count by kind of fault and name of process."""

    def __init__(self, stack: Stack, exchange: Exchange, seed: int, api_keys: Sequence[str]) -> None:
        self._stack = stack
        self._exchange = exchange
        self._seed = seed
        self._api_keys = api_keys
        self.injected: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()

    async def inject_for_ever(self) -> None:
        """One fault after another: every kind before any comes again."""
        chance = random.Random(f"{self._seed}/faults")
        while True:
            for kind in chance.sample(sorted(FAULTS), len(FAULTS)):
                fault = {"kind": kind, "seed": chance.randrange(2**31), **FAULTS[kind]}
                if kind in LOST_ANSWERS and chance.random() < 0.6:
                    fault["endpoint"] = chance.choice(ELSEWHERE)
                if kind != "halt" and chance.random() < 0.5:
                    fault["api_key"] = chance.choice(self._api_keys)
                pause = chance.uniform(*FAULT_PAUSE)
                await self._inject(fault)
                await asyncio.sleep(pause)

    async def kill_along(self, progress: Callable[[], float], kills: int) -> None:
        """Kill processes at even steps of the progress from 0 to 1: each before any is killed again."""
        chance = random.Random(f"{self._seed}/kills")
        queue: list[str] = []
        for number in range(kills):
            queue = queue or chance.sample(PROCESSES, len(PROCESSES))
            name = queue.pop()
            while progress() < (number + 0.5) / kills:  # noqa: ASYNC110 - counts of several traders
                await asyncio.sleep(0.1)
            if name == "sandbox-exchange":
                # A restarted exchange has no faults, and has forgotten how often they fired.
                self.fired += await self._fired()
            await asyncio.to_thread(eventually, lambda name=name: self._kill(name), f"{name} runs and is killed")
            self.killed[name] += 1

    async def stop(self) -> None:
        """End all faults, once the exchange is there to be told."""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                self.fired += await self._exchange.fired()
                await self._exchange.clear()
                return
            await asyncio.sleep(0.3)

    async def _inject(self, fault: dict[str, Any]) -> None:
        while True:
            # An exchange that was just killed takes the fault when it is back.
            with contextlib.suppress(httpx.HTTPError):
                await self._exchange.inject(fault)
                self.injected[fault["kind"]] += 1
                return
            await asyncio.sleep(0.3)

    async def _fired(self) -> Counter[str]:
        try:
            return await self._exchange.fired()
        except httpx.HTTPError:
            return Counter()

    def _kill(self, name: str) -> bool:
        """Whether it was there to be killed: a process that is just restarting has no pid."""
        try:
            self._stack.kill(name)
        except (ProcessLookupError, TypeError):
            return False
        return True
