"""A whole stack of its own, started with `hummingbus up` in a fresh home on free ports, as an operator would."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hummingbus.embedded.ports import write_ports
from hummingbus.home import Home
from hummingbus.settings import load_settings
from hummingbus.stack.layout import wanted_ports

from tests.ports import port_block

USERNAME = "trader"
PASSWORD = "integration-password"
CONFIG_PASSWORD = "integration-config-password"
COMMAND = str(Path(sys.executable).with_name("hummingbus"))
DEADLINE = 120.0


@dataclass
class Stack:
    """A stack and the ports kept for it, the first of which is its gateway's."""

    home: Path
    ports: range
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
        own = {"HUMMINGBUS_HOME": str(self.home), "HUMMINGBUS_PORT": str(self.port), "USERNAME": USERNAME}
        return {**kept, **own, "PASSWORD": PASSWORD, "CONFIG_PASSWORD": CONFIG_PASSWORD, **self.settings}

    def run(self, *arguments: str, timeout: float = 180, codes: tuple[int, ...] = (0,)) -> str:
        """Run `hummingbus <arguments>`; its output. Fails the test with all it printed when it exits with another code."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.home,
            check=False,
        )
        assert done.returncode in codes, f"hummingbus {' '.join(arguments)} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self) -> str:
        """Start it, for the first time on the ports kept for it."""
        home = Home(self.home)
        if not home.ports.exists():
            home.open()
            wanted = wanted_ports(load_settings(self.settings, dotenv=self.home / ".env"))
            write_ports(home.ports, dict(zip(wanted, self.ports, strict=False)))
        return self.run("up")

    def down(self) -> None:
        self.run("down")

    def processes(self) -> dict[str, dict[str, Any]]:
        """`hummingbus status --json`, by name of the process."""
        status = json.loads(self.run("status", "--json", codes=(0, 1)))
        return {process["process"]: process for process in status["processes"]}

    def kill(self, name: str) -> int:
        """`kill -9` of one process; its pid."""
        pid = int(self.processes()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def sandbox_account(self, **balances: str) -> dict[str, Any]:
        """A new funded account of the sandbox exchange: its api_key and api_secret."""
        options = [option for asset, amount in balances.items() for option in ("--balance", f"{asset}={amount}")]
        account: dict[str, Any] = json.loads(self.run("sandbox", "account", "create", "--json", *options))
        return account

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        eventually(self.ready, "the stack is ready")


def eventually[T](check: Callable[[], T], what: str, timeout: float = DEADLINE) -> T:
    """The first true answer of `check`, asked again until the deadline; fails naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.2)


@contextmanager
def planned(home: Path, **settings: str) -> Iterator[Stack]:
    """A stack in a directory that exists, not started yet; stopped at the end if it was started."""
    home.chmod(0o755)  # as root, Postgres runs as another user and must get there
    with port_block() as ports:
        stack = Stack(home, ports, settings)
        try:
            yield stack
        finally:
            stack.down()


@contextmanager
def prepared(**settings: str) -> Iterator[Stack]:
    """A stack in a new home that is not started yet; stopped and removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="hummingbus-stack-"))
    try:
        with planned(home, **settings) as stack:
            yield stack
    finally:
        shutil.rmtree(home)


@contextmanager
def running(**settings: str) -> Iterator[Stack]:
    """A ready stack in a new home, stopped and removed at the end."""
    with prepared(**settings) as stack:
        stack.up()
        yield stack
