"""What is done to the stack's processes: killed, frozen, cut off, wiped; and how long it takes until trading goes on."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from hummingbus.home import Home
from hummingbus.stack.report import StackReport, read_report

from tests.safety.client import Client
from tests.safety.links import Links
from tests.stack import Stack, eventually

PROCESSES = ("trading", "accounts", "gateway-api", "nats", "postgres", "sandbox-exchange")


def harms_of(processes: Sequence[str], links: Links | None = None) -> tuple[str, ...]:
    """The harms that can be done to these processes, and to what connects them."""
    done = [f"{verb} {name}" for verb in ("kill", "freeze") for name in processes]
    return (*done, "wipe JetStream", "kill supervisor", *(f"cut {name}" for name in (links.names if links else ())))


HARMS = harms_of(PROCESSES)
FREEZE = (1.0, 6.0)
CUT = (0.5, 8.0)
LONG_FREEZE = 14.0
"""Seconds; longer than a session's lease lives, so that it wakes up without it."""
OVERLAPPING = 0.25
"""How often the next harm does not wait until the last one is over."""
LONGEST_RECOVERY = 300.0


@dataclass
class Recoveries:
    """Of one harm: how often, and the seconds until all processes were ready, and until all accounts were served again.

    Harms that the next one overlapped are counted only.
    """

    times: int = 0
    ready: list[float] = field(default_factory=list)
    serving: list[float] = field(default_factory=list)


class Harms:
    """Harms a stack along the progress of its traders. `forgetting` is called before the exchange loses its memory."""

    def __init__(
        self,
        stack: Stack,
        seed: int,
        traders: Sequence[Client],
        forgetting: Callable[[], Awaitable[None]],
        links: Links | None = None,
        processes: Sequence[str] = PROCESSES,
    ) -> None:
        self._stack = stack
        self._home = Home(Path(stack.home))
        self._chance = random.Random(f"{seed}/harms")
        self._traders = traders
        self._forgetting = forgetting
        self._links = links
        self._kinds = harms_of(processes, links)
        self._queue: list[str] = []
        self.done: dict[str, Recoveries] = defaultdict(Recoveries)

    async def along(self, progress: Callable[[], float], count: int) -> None:
        """Do `count` harms at even steps of the progress from 0 to 1: each before any comes again.

        Harms take their time: those that are left when nobody trades any more are left out, once each was done.
        """
        for number in range(count):
            if number >= len(self._kinds) and progress() >= 1:
                return
            self._queue = self._queue or self._chance.sample(self._kinds, len(self._kinds))
            harm, overlapped = self._queue.pop(), self._chance.random() < OVERLAPPING
            while progress() < (number + 0.5) / count:  # noqa: ASYNC110 - counts of several traders
                await asyncio.sleep(0.1)
            ended = await self._do(harm)
            self.done[harm].times += 1
            if not overlapped:
                await self._recovered(self.done[harm], ended)

    async def _do(self, harm: str) -> float:
        """When it was killed, or went on."""
        verb, _, name = harm.partition(" ")
        if name in ("sandbox-exchange", "supervisor") and verb == "kill":
            await self._forgetting()
        if verb == "freeze":
            await self._freeze(name)
            return time.monotonic()
        if verb == "cut" and self._links is not None:
            await self._links.cut(name, self._chance.uniform(*CUT), silent=self._chance.random() < 0.5)
            return time.monotonic()
        began = time.monotonic()
        if verb == "wipe":
            await asyncio.to_thread(self._wipe)
        elif name == "supervisor":
            await asyncio.to_thread(self._kill_supervisor)
        else:
            await asyncio.to_thread(self._kill, name)
        return began

    async def _recovered(self, recoveries: Recoveries, began: float) -> None:
        """Wait until all is ready and every account that still trades was answered, and note how long it took."""
        async with asyncio.timeout(LONGEST_RECOVERY):
            while not self._all_ready():  # noqa: ASYNC110 - a file that another process writes
                await asyncio.sleep(0.1)
            recoveries.ready.append(round(time.monotonic() - began, 2))
            while self._waiting(began):  # noqa: ASYNC110 - several traders
                await asyncio.sleep(0.05)
            if not all(each.finished for each in self._traders):
                recoveries.serving.append(round(time.monotonic() - began, 2))

    def _waiting(self, since: float) -> bool:
        return any(each.served_at <= since and not each.finished for each in self._traders)

    def _all_ready(self) -> bool:
        """As the supervisor tells; a killed process it has not missed yet is not ready."""
        report = self._report()
        return report.ready and all(program.process() is not None for program in report.programs)

    def _report(self) -> StackReport:
        report = read_report(self._home)
        assert report is not None, "the supervisor reports nothing"
        return report

    def _process(self, name: str) -> psutil.Process:
        """The process of a program, once it has one: one that is just restarting has none."""

        def found() -> psutil.Process | None:
            return next((each.process() for each in self._report().programs if each.name == name), None)

        process = eventually(found, f"{name} runs")
        assert process is not None
        return process

    def _kill(self, name: str) -> None:
        """`kill -9`; returns when it is dead."""

        def killed() -> bool:
            process = self._process(name)
            try:
                process.kill()
            except psutil.NoSuchProcess:
                return False
            eventually(lambda: not _alive(process), f"{name} is dead")
            return True

        eventually(killed, f"{name} is killed")

    async def _freeze(self, name: str) -> None:
        """Stop a process with all it started, and let it go on."""
        seconds = LONG_FREEZE if name.startswith("trading") and self._chance.random() < 0.3 else self._chance.uniform(*FREEZE)
        process = await asyncio.to_thread(self._process, name)
        try:
            frozen = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for each in frozen:
            signalled(each, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for each in frozen:
            signalled(each, signal.SIGCONT)

    def _wipe(self) -> None:
        """Take away all NATS has stored, while the supervisor is kept from starting it again."""
        supervisor = psutil.Process(self._report().supervisor)
        supervisor.suspend()
        try:
            self._kill("nats")
            shutil.rmtree(self._home.nats / "jetstream")
        finally:
            supervisor.resume()

    def _kill_supervisor(self) -> None:
        """`kill -9` takes all programs along; then an operator starts the stack again."""
        os.kill(self._report().supervisor, signal.SIGKILL)
        self._stack.up()


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def signalled(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal, unless the process is gone."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
