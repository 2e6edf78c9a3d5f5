"""The directory everything of one installation lives in (`HUMMINGBUS_HOME`, by default `.hummingbus/`)."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hummingbus.embedded.postgres_binaries import SHARED_STATE
from hummingbus.embedded.process import SystemUser

LOOK_SECONDS = 0.005
"""More than it takes to look whether a lock is held."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one installation; nothing is created before `open`."""

    path: Path

    @property
    def run(self) -> Path:
        """What describes the running stack: lock, status, ports, environment files."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.path / "logs"

    @property
    def secrets(self) -> Path:
        """The machine's key and what is sealed with it."""
        return self.path / "secrets"

    @property
    def nats(self) -> Path:
        """NATS's configuration and JetStream store."""
        return self.path / "nats"

    @property
    def sandbox(self) -> Path:
        """The sandbox exchange's journal."""
        return self.path / "sandbox"

    @property
    def candles(self) -> Path:
        """The candle store."""
        return self.path / "candles"

    @property
    def lock(self) -> Path:
        """Held by the supervisor while it lives; its text is the supervisor's pid."""
        return self.run / "supervisor.lock"

    @property
    def rotation_lock(self) -> Path:
        """Held while the config password is rotated, and while a backup is made: secrets and database must fit each other."""
        return self.run / "rotation.lock"

    @property
    def status(self) -> Path:
        """The supervisor's last report, JSON."""
        return self.run / "status.json"

    @property
    def ports(self) -> Path:
        """The chosen ports, JSON."""
        return self.run / "ports.json"

    def environment_file(self, service: str) -> Path:
        """The settings of one service, mode 0600."""
        return self.run / f"{service}.env"

    def log(self, program: str) -> Path:
        """The current log file of one process."""
        return self.logs / f"{program}.log"

    def open(self) -> None:
        """Create what is missing. Only Postgres's user may pass through the top directory; the rest is ours alone."""
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        for directory in (self.run, self.logs, self.secrets, self.nats, self.sandbox, self.candles):
            directory.mkdir(mode=0o700, exist_ok=True)

    def postgres(self, user: SystemUser | None, shared: Path = SHARED_STATE) -> Path:
        """The directory for Postgres's data: ours, or one under `shared` when `user` cannot reach ours.

        The choice is recorded at the first start and kept.
        """
        record = self.path / "postgres.location"
        if record.exists():
            return Path(record.read_text().strip())
        data = self.path / "postgres"
        if user is not None and not user.reaches_into(self.path):
            # Not named after our path: a home that was deleted and made anew must not find the old data.
            data = shared / f"data-{secrets.token_hex(6)}" / "postgres"
            data.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        record.write_text(f"{data}\n")
        return data

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only we may read, all of it or nothing."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)

    def supervisor(self) -> int | None:
        """The pid of the supervisor that holds the lock now; None when the stack is down, whatever files a crash left."""
        if not self.lock.exists():
            return None
        with self.lock.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read().strip() or 0)
        return None


class AlreadyLocked(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock file, with our pid in it; the system frees it when we die. Raises AlreadyLocked unless `wait`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        while not _taken(file, wait=wait):
            if not _only_looked_at(file):
                raise AlreadyLocked(str(path))
            time.sleep(LOOK_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _taken(file: IO[str], *, wait: bool) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _only_looked_at(file: IO[str]) -> bool:
    """Whether nobody owns the lock: `Home.supervisor` shares it for as long as it looks, which must not refuse an owner."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
