"""An embedded Postgres cluster, supervised by us instead of by pg_ctl."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hummingbus.embedded.ports import LOOPBACK
from hummingbus.embedded.postgres_binaries import find_installation, reachable_installation, version
from hummingbus.embedded.process import Program, StartFailed, SystemUser, minimal_environment, nothing

SUPERUSER = "postgres"
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "80",
    "shared_buffers": "48MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "512MB",
    "jit": "off",
    # A forgotten writing transaction hides every later event from the feed (it reads below the oldest transaction).
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
if sys.platform == "linux":
    # After a crash every file is made durable first: one call instead of one per file, a tenth of the time.
    SETTINGS["recovery_init_sync_method"] = "syncfs"
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "24MB"}
"""For tests only: the data is thrown away."""


@dataclass(frozen=True, slots=True)
class PostgresCluster:
    """One data directory and the port it is served on. `user` runs it when we are root."""

    data: Path
    port: int
    password: str
    user: SystemUser | None
    durable: bool = True

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """The URL of one of its databases for one login (the superuser by default)."""
        return f"postgresql://{user}:{password or self.password}@{LOOPBACK}:{self.port}/{database}"

    def program(self, provision: Callable[[], None] = nothing) -> Program:
        """The server as a program: SIGINT is Postgres's fast shutdown. `provision` runs when it is ready."""
        settings = SETTINGS | (DURABLE if self.durable else FORGETFUL) | {"port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            argv=(str(self.installation() / "bin/postgres"), "-D", str(self.data), *options),
            check=self.check,
            prepare=self.prepare,
            user=self.user,
            stop_signal=signal.SIGINT,
            stop_seconds=60,  # a shutdown checkpoint on a slow disk
            port=self.port,
            version=self.version(),
            provision=provision,
        )

    def installation(self) -> Path:
        """The prefix of the Postgres programs, of the data's major version; StartFailed when there is none."""
        file = self.data / "PG_VERSION"
        prefix = find_installation(file.read_text().strip() if file.exists() else None)
        return reachable_installation(prefix, self.user)

    def version(self) -> str:
        """The version of the programs, e.g. `18.6`."""
        return version(self.installation())

    def check(self) -> str | None:
        """None when it accepts sessions: its lock file says so, and it answers on its port."""
        lines = lock_file_lines(self.data)
        state = lines[7].strip() if len(lines) > 7 else "starting"
        if state != "ready":
            return f"Postgres is {state}"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(SSL_REQUEST)
                answered = connection.recv(1)
        except OSError as error:
            return f"no answer on port {self.port}: {error}"
        return None if answered else f"port {self.port} closed the connection"

    def prepare(self) -> None:
        """Make the cluster at the first start; at every start clear away what a crash left behind."""
        stop_orphans(self.data)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()

    def _initialise(self) -> None:
        """Run initdb in a directory of the server's user; a half-made one of an earlier attempt is removed first."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        password_file = self.data.parent / f".{self.data.name}.password"
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.password)
        if self.user is not None:
            self.user.owns(self.data)
            self.user.owns(password_file)
        try:
            self._initdb(password_file)
        finally:
            password_file.unlink()

    def _initdb(self, password_file: Path) -> None:
        options = ["-D", str(self.data), "-U", SUPERUSER, "--pwfile", str(password_file), "--auth=scram-sha-256"]
        options += ["--encoding=UTF8", "--locale=C"] + ([] if self.durable else ["--no-sync"])
        who = {} if self.user is None else {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        done = subprocess.run(  # type: ignore[call-overload]
            [self.installation() / "bin/initdb", *options],
            capture_output=True, text=True, check=False, cwd="/", env=minimal_environment(), **who,
        )  # fmt: skip
        if done.returncode != 0:
            msg = f"initdb failed:\n{done.stdout}{done.stderr}"
            raise StartFailed(msg)


def lock_file_lines(data: Path) -> list[str]:
    """The lines of `postmaster.pid`; none when there is no such file."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def stop_orphans(data: Path, seconds: float = 30) -> None:
    """End every Postgres process still working in `data`, then drop a lock file nobody holds.

    The lock file may only go once no process is left: backends outlive a killed postmaster by a moment, and a
    second server beside them would destroy the data. A pid that a crash left behind may be a zombie or belong to
    another program by now, and Postgres would refuse to start for either. Raises StartFailed after `seconds`.
    """
    deadline = time.monotonic() + seconds
    signalled = False
    while processes := list(processes_in(data)):
        if not signalled:
            pid = next(iter(lock_file_lines(data)), "")
            for process in (one for one in processes if str(one.pid) == pid):
                process.send_signal(signal.SIGINT)
            signalled = True
        if time.monotonic() > deadline:
            msg = f"Postgres processes {[one.pid for one in processes]} still use {data}"
            raise StartFailed(msg)
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def processes_in(data: Path) -> Iterator[psutil.Process]:
    """The live Postgres processes whose working directory is this data directory (zombies hold nothing)."""
    for process in psutil.process_iter(["name", "status"]):
        try:
            if process.info["status"] == psutil.STATUS_ZOMBIE or not str(process.info["name"]).startswith("postgres"):
                continue
            if Path(process.cwd()) == data.resolve():
                yield process
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            continue
