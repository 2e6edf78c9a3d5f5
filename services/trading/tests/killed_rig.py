"""A trading service that is a process to be killed, and a market that is the same in every run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from contracts.message import Event
from contracts.naming import stream_id
from contracts.rejections import Unavailable
from contracts.trading import ExecutorClosed, ExecutorResumed, OrderPlaced
from executor_rig import OPEN, PERPETUAL, SPOT, ExecutorVenue, flat
from killed_trading import Way
from sandbox_rig import Sandbox

NURSERY = Path(__file__).with_name("killed_trading.py")
LOOK_SECONDS = 0.2

STEADY = """
import runpy
from sandbox_exchange.domain.perpetual import premium
premium.SLOW_AMPLITUDE = premium.FAST_AMPLITUDE = 0.0
runpy.run_module("sandbox_exchange", run_name="__main__")
"""
"""The exchange, with contracts that trade at their index: their premium is a function of time, and two runs have two times."""


@dataclass(frozen=True)
class Counts:
    """Of an executor's orders: how many are on the exchange's book, and how many executed something there."""

    open: int
    executed: int


class KilledVenue(ExecutorVenue):
    """Trading is a process of its own; `kill` sends SIGKILL."""

    way = Way.WHOLE
    nursery: subprocess.Popen[str] | None = None
    child: psutil.Process | None = None

    async def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "HUMMINGBUS_ENV_FILE"} | {
            "TRADING_NATS_URL": self.nats_url,
            "TRADING_DATABASE_URL": self.database_url,
            "TRADING_TRANSPORT_KEY": self.settings.transport_key.get_secret_value(),
            "TRADING_SANDBOX_URL": self.sandbox.url,
            "TRADING_SETTLE_SECONDS": "2",
        }
        self.nursery = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, str(NURSERY)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        await self.begin(Way.WHOLE)

    async def stop(self) -> None:
        self.kill()
        if self.nursery is not None:
            for child in psutil.Process(self.nursery.pid).children():
                child.kill()
            self.nursery.kill()
            self.nursery.wait()
        self.nursery = None

    async def begin(self, way: Way) -> None:
        """Run a process this way; returns when it takes orders."""
        assert self.child is None
        self.child = psutil.Process(await asyncio.to_thread(self._forked, way))
        self.way = way
        await self.until_ready()

    def _forked(self, way: Way) -> int:
        assert self.nursery is not None
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        print(way.value, file=self.nursery.stdin, flush=True)
        return int(self.nursery.stdout.readline())

    def kill(self) -> None:
        """End the process without a moment to clean up."""
        if self.child is not None:
            with suppress(psutil.NoSuchProcess):
                self.child.send_signal(signal.SIGKILL)
                self.child.wait()
        self.child = None

    async def resume(self, executor_ids: Iterable[str], way: Way = Way.WHOLE) -> None:
        """Run a process again, and wait until it has taken up the executors that had begun and are not closed."""
        before = {each: await self.events(each) for each in executor_ids}
        await self.begin(way)
        if way is Way.IDLE:
            return

        async def taken_up(executor_id: str, known: list[Event]) -> bool:
            now = await self.events(executor_id)
            return _resumes(now) > _resumes(known) or _has(now, ExecutorClosed) or len(known) <= 1

        await self.until_all(before, taken_up)

    async def accepted(self, config: dict[str, Any]) -> str:
        """A new executor's id, as soon as sessions take orders: until then those of the killed process may seem ready."""
        async with asyncio.timeout(self.patience):
            while True:
                with suppress(Unavailable):
                    return await self.create_on(config)
                await asyncio.sleep(LOOK_SECONDS)

    async def until_all[T](self, wanted: Mapping[str, T], check: Callable[[str, T], Awaitable[bool]]) -> None:
        """Until the check passes for each executor."""
        left = dict(wanted)
        try:
            async with asyncio.timeout(self.patience):
                while left:
                    done = await asyncio.gather(*(check(each, value) for each, value in left.items()))
                    left = {each: left[each] for each, passed in zip(list(left), done, strict=True) if not passed}
                    await asyncio.sleep(LOOK_SECONDS if left else 0)
        except TimeoutError:
            told = "\n".join([str((await self.events(each))[-3:]) for each in left])
            raise AssertionError(f"{left} not reached; the newest events are\n{told}") from None

    async def until_asked(self, more_than: Mapping[str, int]) -> None:
        """Until each has asked for more orders than so many."""

        async def asked(executor_id: str, count: int) -> bool:
            return len(await self.orders(executor_id)) > count

        await self.until_all(more_than, asked)

    async def until_stored(self, more_than: Mapping[str, int]) -> None:
        """Until the intents of more orders than so many are stored."""

        async def stored(executor_id: str, count: int) -> bool:
            return await self.intents(executor_id) > count

        await self.until_all(more_than, stored)

    async def until_counts(self, wanted: Mapping[str, Counts]) -> None:
        """Until the exchange has exactly these orders of each executor."""

        async def settled(executor_id: str, counts: Counts) -> bool:
            return await self.counts(executor_id) == counts

        await self.until_all(wanted, settled)

    async def until_sent(self, executor_ids: Iterable[str]) -> None:
        """Until the exchange has an order of each executor."""

        async def sent(executor_id: str, _: None) -> bool:
            return await self.counts(executor_id) != Counts(0, 0)

        await self.until_all(dict.fromkeys(executor_ids), sent)

    async def until_closed(self, executor_ids: Iterable[str]) -> None:
        """Until each is closed."""

        async def closed(executor_id: str, _: None) -> bool:
            return _has(await self.events(executor_id), ExecutorClosed)

        await self.until_all(dict.fromkeys(executor_ids), closed)

    async def counts(self, executor_id: str) -> Counts:
        """What the exchange has of an executor's orders now."""
        own, ledger = set(await self.orders(executor_id)), await self.ledger()
        listed = [each for each in (*ledger["orders"], *ledger["futures"]["orders"]) if each["clientOrderId"] in own]
        executed = sum(float(each["executedQty"]) > 0 for each in listed)
        return Counts(sum(each["status"] in OPEN for each in listed), executed)

    async def executions(self, executor_id: str) -> int:
        """How often the exchange executed something of an executor's orders."""
        own, ledger = set(await self.orders(executor_id)), await self.ledger()
        found = 0
        for book in (ledger, ledger["futures"]):
            ids = {(each["symbol"], each["orderId"]) for each in book["orders"] if each["clientOrderId"] in own}
            found += sum((each["symbol"], each["orderId"]) in ids for each in book["trades"])
        return found

    async def intents(self, executor_id: str) -> int:
        """How many of an executor's orders were stored as intents."""
        found = 0
        for order_id in await self.orders(executor_id):
            recorded = await self.reader.read(stream_id("trading", "order", order_id))
            found += any(isinstance(one.event, OrderPlaced) for one in recorded)
        return found


def _resumes(events: Iterable[Event]) -> int:
    return sum(isinstance(event, ExecutorResumed) for event in events)


def _has(events: Iterable[Event], kind: type[Event]) -> bool:
    return any(isinstance(event, kind) for event in events)


class SteadySandbox(Sandbox):
    """The exchange whose contracts trade at their index."""

    command = ("-c", STEADY)


@pytest.fixture
async def killed(nats_url: str, database_url: str, port: int, tmp_path: Path) -> AsyncIterator[KilledVenue]:
    sandbox = SteadySandbox(tmp_path, port, flat(tmp_path))
    made = KilledVenue(nats_url, database_url, sandbox)
    try:
        await sandbox.start()
        await made.open()
        yield made
    finally:
        await made.close()
        sandbox.kill()


__all__ = ["PERPETUAL", "SPOT", "Counts", "KilledVenue", "Way", "killed"]
