"""What a test sees of several trading replicas: who holds the sessions of an account, and what the log says of executors."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from contracts import naming
from dotenv import dotenv_values
from eventlog.log import EventLog
from nats.js.errors import KeyNotFoundError
from service_kit.bus import Bus
from service_kit.metrics import measured

from tests.stack import PASSWORD, USERNAME, Stack

ACCOUNT = "shared"
SPOT, FUTURES = CONNECTORS = "binance", "binance_perpetual"
REPLICAS = ("trading", "trading-2")
"""Two processes; the sessions name the first one's replica `trading-1`."""
DEADLINE = 90


class Inside:
    """The replicas from inside: who holds the sessions, and the event log."""

    def __init__(self, stack: Stack, bus: Bus, log: EventLog, http: httpx.AsyncClient) -> None:
        self.stack, self.bus, self.log, self.http = stack, bus, log, http
        self._events: dict[str, list[Any]] = defaultdict(list)

    async def holder(self, connector: str = SPOT) -> int | None:
        """The pid of the process that has a session's lease."""
        bucket = await self.bus.jetstream.key_value(naming.LEASE_BUCKET)
        try:
            entry = await bucket.get(naming.lease_key("session", f"{ACCOUNT}.{connector}"))
        except KeyNotFoundError:
            return None
        return int(json.loads(entry.value or b"{}")["process"]["pid"])

    async def holders(self) -> dict[str, set[str]]:
        """By account, the replicas that run its sessions."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in await self.log.fetch("SELECT account, holder FROM sessions WHERE state = 'ready'"):
            found[row["account"]].add(row["holder"])
        return found

    async def ready(self) -> int:
        """How many sessions are ready."""
        return len(await self.log.fetch("SELECT 1 FROM sessions WHERE state = 'ready'"))

    async def moved_from(self, pid: int) -> None:
        """Until another process has the lease of the account's spot session."""
        async with asyncio.timeout(DEADLINE):
            while await self.holder() in (pid, None):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    async def until(self, executor_id: str, kind: type[Any], count: int, check: Callable[[Any], bool] = lambda _: True) -> None:
        """Until the executor has so many events of a kind that pass the check."""
        deadline = time.monotonic() + DEADLINE
        while len([one for one in await self.events(executor_id, kind) if check(one)]) < count:
            newest = [str(each) for each in (await self.events(executor_id, object))[-5:]]
            assert time.monotonic() < deadline, f"{executor_id}: not {count} {kind.__name__} in time; the newest are {newest}"
            await asyncio.sleep(0.25)

    async def events(self, executor_id: str, kind: type[Any]) -> list[Any]:
        """An executor's events of a kind, in order; each is read once."""
        known = self._events[executor_id]
        recorded = await self.log.read(naming.stream_id("trading", "executor", executor_id), after=len(known))
        known += [one.event for one in recorded if one.version > len(known)]
        return [each for each in known if isinstance(each, kind)]

    async def settled(self) -> None:
        """Until no order's fate is open."""
        async with asyncio.timeout(DEADLINE):
            while True:
                page = await self.http.post("/trading/orders/search", json={"account_names": [ACCOUNT], "limit": 1000})
                if not [each for each in page.json()["data"] if each["status"] in ("SUBMITTED", "UNKNOWN")]:
                    return
                await asyncio.sleep(0.2)

    def ledger(self, api_key: str) -> dict[str, Any]:
        """The exchange's own books of a key; fails when an order is there twice."""
        found: dict[str, Any] = json.loads(self.stack.run("sandbox", "ledger", api_key))
        for books in (found, found["futures"]):
            ids = [each["clientOrderId"] for each in books["orders"]]
            assert len(set(ids)) == len(ids)
        return found


@asynccontextmanager
async def inside(stack: Stack) -> AsyncIterator[Inside]:
    """Connected as the replicas are."""
    settings = dotenv_values(stack.home / "run" / "trading.env")
    bus = Bus("trading", str(settings["TRADING_NATS_URL"]))
    log = EventLog(str(settings["TRADING_DATABASE_URL"]), context="trading")
    await bus.start()
    await log.attach()
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=30) as http:
        yield Inside(stack, bus, log, http)
    await log.stop()
    await bus.stop()


def waits(stack: Stack, name: str) -> bool:
    """Whether a replica says that it waits for the lease of each of the account's sessions."""
    text = httpx.get(f"http://127.0.0.1:{stack.processes()[name]['port']}/metrics", timeout=30).text
    told = [(labels, value) for labels, value in measured(text, "hummingbus_session_state") if labels["account"] == ACCOUNT]
    return bool(told) and all(bool(value) is (labels["state"] == "waiting") for labels, value in told)
