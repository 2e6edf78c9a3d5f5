"""What processes show to others of the machine: sampled all the time, so that short-lived ones are seen too."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil

PERIOD = 0.2


class ProcessWatch:
    """Collects the command line of every process, and the environment of those below `supervisor`."""

    def __init__(self, supervisor: int) -> None:
        self.command_lines: set[bytes] = set()
        self.environments: dict[str, bytes] = {}
        self._supervisor = supervisor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and stop."""
        self._stop.set()
        self._thread.join()
        self._look()

    def _run(self) -> None:
        while not self._stop.wait(PERIOD):
            self._look()

    def _look(self) -> None:
        try:
            ours = psutil.Process(self._supervisor)
            below = [ours, *ours.children(recursive=True)]
        except psutil.NoSuchProcess:
            below = []
        for process in below:
            if content := _read(process.pid, "environ"):
                self.environments[str(process.pid)] = content
        for pid in psutil.pids():
            self.command_lines.add(_read(pid, "cmdline"))


def _read(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""
