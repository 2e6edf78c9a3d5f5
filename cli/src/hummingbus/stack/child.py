"""One supervised program: started, watched, started again when it dies, stopped when asked."""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable

import psutil

from hummingbus.embedded.process import Program, StartFailed
from hummingbus.home import Home
from hummingbus.stack.log_file import LogFile, LogPipe
from hummingbus.stack.report import ProgramReport, State

logger = logging.getLogger(__name__)

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
HEALTHY_SECONDS = 20.0
"""A program that lived this long is started again at once when it dies; one that keeps dying waits longer and longer."""

POLL_STARTING = 0.05
POLL_READY = 2.0


class Child:
    """Runs one program until `stop`. `report` always holds its current state; `changed` is called when that changes."""

    def __init__(self, program: Program, home: Home, changed: Callable[[], None]) -> None:
        self.program = program
        self.report = ProgramReport(
            name=program.name, port=program.port, version=program.version, stop_signal=int(program.stop_signal)
        )
        self._log_path = home.log(program.name)
        self._changed = changed
        self._became_ready = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stuck = False

    def start(self) -> None:
        """Begin to run the program."""
        self._task = asyncio.create_task(self._keep_running(), name=self.program.name)

    async def wait_ready(self, seconds: float) -> bool:
        """Wait until it was ready once; False when that takes longer."""
        try:
            await asyncio.wait_for(self._became_ready.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Ask it to stop, kill it when it takes longer than it may, and wait for its end."""
        self._stop_asked.set()
        if self._task is None:
            return
        if self._process is not None and self._process.returncode is None:
            self._tell("stopping")
            self._process.send_signal(self.program.stop_signal)
        done, _ = await asyncio.wait([self._task], timeout=self.program.stop_seconds)
        if not done:
            logger.warning("%s does not stop, killing it", self.program.name)
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
            await self._task
        self._tell("stopped", pid=None)

    async def _keep_running(self) -> None:
        failures = 0
        while not self._stop_asked.is_set():
            began = time.monotonic()
            try:
                reason = await self._live(began)
            except (StartFailed, OSError) as error:
                reason = str(error)
            if self._stop_asked.is_set():
                return
            lived = time.monotonic() - began
            failures = 0 if lived >= HEALTHY_SECONDS else failures + 1
            delay = min(LONGEST_DELAY, FIRST_DELAY * 3 ** max(0, failures - 1))
            logger.warning("%s %s after %.1f s; next start in %.1f s", self.program.name, reason, lived, delay)
            self._tell("restarting", reason=reason, pid=None, restarts=self.report.restarts + 1)
            await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop_asked.wait(), seconds)
        except TimeoutError:
            return

    async def _live(self, began: float) -> str:
        """One life of the program, from its preparation to its exit: how it ended."""
        self._tell("starting", pid=None)
        await asyncio.to_thread(self.program.prepare)
        if self._stop_asked.is_set():
            return "not started"
        file = LogFile(self._log_path)
        self._stuck = False
        pipe = LogPipe(file, self._hear)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.program.argv, stdin=DEVNULL, stdout=pipe.writing, stderr=pipe.writing, **self.program.spawn_arguments()
            )
        finally:
            pipe.started()
        self._tell("starting", pid=self._process.pid, created=_created(self._process.pid))
        if self._stop_asked.is_set():
            self._process.send_signal(self.program.stop_signal)
        watching = asyncio.create_task(self._watch(began))
        code = await self._process.wait()
        watching.cancel()
        pipe.close()
        file.close()
        return f"was killed by signal {-code}" if code < 0 else f"exited with {code}"

    async def _watch(self, began: float) -> None:
        """Ask the program again and again whether it is ready."""
        provisioned = False
        while True:
            reason = await asyncio.to_thread(self.program.check) or await self._free()
            if reason is None and not provisioned:
                reason = await self._provision()
                provisioned = reason is None
            if reason is None and self.report.state != "ready":
                took = self.report.ready_ms
                if self.report.state == "starting":
                    took = round((time.monotonic() - began) * 1000)
                    logger.info("%s ready in %s ms (pid %s)", self.program.name, took, self.report.pid)
                else:
                    logger.info("%s ready again", self.program.name)
                self._tell("ready", reason=None, ready_ms=took)
                self._became_ready.set()
            elif reason is not None:
                if self.report.state == "ready":
                    logger.warning("%s is not ready: %s", self.program.name, reason)
                self._tell("unready" if self.report.state in {"ready", "unready"} else "starting", reason=reason)
            await asyncio.sleep(POLL_READY if reason is None else POLL_STARTING if not provisioned else POLL_READY / 4)

    def _hear(self, output: bytes) -> None:
        if self.program.stuck is not None and self.program.stuck.told_by in output:
            self._stuck = True

    async def _free(self) -> str | None:
        """Why the program is stuck, if it is; it is asked to stop, and so started again, when that is over."""
        stuck = self.program.stuck
        if stuck is None or not self._stuck:
            return None
        if self._process is not None and self._process.returncode is None and await asyncio.to_thread(stuck.over):
            logger.warning("%s is started again: %s, and that is over", self.program.name, stuck.reason)
            self._process.send_signal(self.program.stop_signal)
        return stuck.reason

    async def _provision(self) -> str | None:
        try:
            await asyncio.to_thread(self.program.provision)
        except (StartFailed, OSError) as error:
            return str(error)
        return None

    def _tell(self, state: State, **fields: object) -> None:
        if self.report.state == "stopping" and state not in {"stopped"}:
            return
        updated = self.report.model_copy(update={"state": state, **fields})
        if updated != self.report:
            self.report = updated
            self._changed()


def _created(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None
