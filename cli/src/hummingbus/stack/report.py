"""What the supervisor tells about its programs, and what is left of an earlier one."""

from __future__ import annotations

import logging
import signal
from typing import Literal

import psutil
from pydantic import BaseModel, Field, ValidationError

from hummingbus.home import Home

logger = logging.getLogger(__name__)

State = Literal["waiting", "starting", "ready", "unready", "restarting", "stopping", "stopped"]


class ProgramReport(BaseModel):
    """One program. Times are seconds since the epoch; `ready_ms` is what its last start took."""

    name: str
    state: State = "waiting"
    reason: str | None = None
    pid: int | None = None
    created: float | None = None
    """With the pid, the identity of the process: a pid alone may be used again."""
    restarts: int = 0
    ready_ms: int | None = None
    port: int | None = None
    version: str = ""
    stop_signal: int = int(signal.SIGTERM)

    def process(self) -> psutil.Process | None:
        """The process, if it still lives."""
        if self.pid is None:
            return None
        try:
            process = psutil.Process(self.pid)
            same = self.created is None or abs(process.create_time() - self.created) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class StackReport(BaseModel):
    """The whole stack as the supervisor saw it last."""

    supervisor: int
    state: Literal["starting", "running", "stopping"] = "starting"
    venue: str
    url: str
    ports: dict[str, int] = Field(default_factory=dict)
    programs: list[ProgramReport] = Field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether every program is ready."""
        return bool(self.programs) and all(program.state == "ready" for program in self.programs)


def read_report(home: Home) -> StackReport | None:
    """The last report; None when there is none that can be read."""
    try:
        return StackReport.model_validate_json(home.status.read_text())
    except (FileNotFoundError, ValidationError):
        return None


def write_report(home: Home, report: StackReport) -> None:
    """Replace the report, never leaving half of one."""
    partial = home.status.with_name(f".{home.status.name}")
    partial.write_text(report.model_dump_json(indent=2) + "\n")
    partial.rename(home.status)


def end_leftovers(home: Home) -> list[str]:
    """End the programs of a supervisor that died without stopping them, dependents first; the names of those found.

    Call only while holding the home's lock, or when nobody does.
    """
    report = read_report(home)
    found = [(one, process) for one in reversed(report.programs if report else []) if (process := one.process())]
    for program, process in found:
        logger.warning("ending %s, left behind by an earlier supervisor (pid %s)", program.name, process.pid)
        try:
            process.send_signal(program.stop_signal)
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs([process for _, process in found], timeout=15)
    for process in alive:
        # Postgres loses nothing by this: it is made to recover.
        process.kill()
    psutil.wait_procs(alive, timeout=5)
    return [program.name for program, _ in found]
