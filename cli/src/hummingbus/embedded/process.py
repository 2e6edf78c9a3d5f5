"""One external program: how it is started, when it is ready, how it is stopped."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
"""Loaded before any fork: a child between fork and exec must not open libraries."""

NICENESS = 10
"""Weighs 110 to the 1024 of a process that is not nice."""

AUTOGROUP = Path("/proc/self/autogroup")
AUTOGROUP_SECONDS, AUTOGROUP_TRIES = 0.05, 40
"""Users without privileges may set one every 0.1 s, all of them together: who is refused tries again, for two seconds."""

UNPRIVILEGED_USERS = ("hummingbus", "postgres", "nobody")
"""Who runs Postgres when we are root, in order of preference; we never create a user."""

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""The only variables a child gets from our environment: none of them is a secret."""


class StartFailed(RuntimeError):
    """A program exited, or was not ready in time, while it was being started."""


@dataclass(frozen=True, slots=True)
class SystemUser:
    """An account of the operating system that a program is started as."""

    name: str
    uid: int
    gid: int

    def owns(self, path: Path) -> None:
        """Give `path` itself (not its content) to this user."""
        os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user may search every directory on the way to `path` (read it, for the last)."""
        resolved = path.resolve()
        return all(self._may(parent, 0o1) for parent in resolved.parents) and self._may(resolved, 0o5)

    def reaches_into(self, directory: Path) -> bool:
        """Whether this user may open by name what is in `directory`."""
        resolved = directory.resolve()
        return all(self._may(part, 0o1) for part in (resolved, *resolved.parents))

    def _may(self, path: Path, bits: int) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            return status.st_mode >> 6 & bits == bits
        if status.st_gid == self.gid:
            return status.st_mode >> 3 & bits == bits
        return status.st_mode & bits == bits


def unprivileged_user() -> SystemUser | None:
    """The user to drop to when we are root; None when we are not (the program then runs as ourselves)."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return SystemUser(name, entry.pw_uid, entry.pw_gid)
    msg = f"Postgres refuses to run as root and none of the users {', '.join(UNPRIVILEGED_USERS)} exists"
    raise StartFailed(msg)


def minimal_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child's environment holds: a few harmless variables of ours, and `extra`."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | dict(extra or {})


def nothing() -> None:
    """The preparation of a program that needs none."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A state that a program tells in its output and does not leave by itself; it is started again once `over` says so."""

    told_by: bytes
    reason: str
    over: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Program:
    """A server or service of the stack. `check` answers None when it is ready, else the reason; both it and `prepare` block."""

    name: str
    argv: tuple[str, ...]
    check: Callable[[], str | None]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = nothing
    user: SystemUser | None = None
    directory: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15
    port: int | None = None
    version: str = ""
    stuck: Stuck | None = None
    background: bool = False
    """Whether it leaves the processors to the others when there are too few for all."""
    provision: Callable[[], None] = nothing
    """Run (it blocks) each time the program became ready, before anything that depends on it starts."""

    def spawn_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess.Popen` and asyncio's equivalent (all but the standard streams).

        The child leads its own session, so that a Ctrl-C at our terminal is ours alone to pass on in order.
        """
        arguments: dict[str, Any] = {
            "env": minimal_environment(self.environment),
            "cwd": self.directory,
            "start_new_session": True,
            "umask": 0o077,
        }
        if self.user is not None:
            arguments |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        hooks: list[Callable[[], None]] = [] if LIBC is None else [death_signal(self.stop_signal, os.getpid())]
        if self.background:
            hooks.append(give_way)
        if hooks:
            arguments["preexec_fn"] = lambda: [hook() for hook in hooks]
        return arguments


def death_signal(signal_: signal.Signals, parent: int) -> Callable[[], None]:
    """A hook for the child (Linux; it runs after setuid, which clears the setting): get `signal_` when `parent` dies."""

    def hook() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(signal_), 0, 0, 0)  # type: ignore[union-attr]
        if os.getppid() != parent:
            os._exit(1)  # the parent died between fork and prctl

    return hook


def give_way() -> None:
    """Let this process, which leads its own session, have the processors only when others leave them, but for a tenth.

    Linux shares them out between sessions first, and asks how nice a process is only within one (sched(7), "autogroup").
    """
    os.nice(NICENESS)
    for _ in range(AUTOGROUP_TRIES):
        try:
            AUTOGROUP.write_text(str(NICENESS))
        except BlockingIOError:
            time.sleep(AUTOGROUP_SECONDS)
        except OSError:
            return  # a system that does not know such groups
        else:
            return


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log file; empty when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 32_768))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


@contextmanager
def running(program: Program, log: Path, seconds: float = 30) -> Iterator[subprocess.Popen[bytes]]:
    """Start `program`, wait until it is ready, and stop it at the end.

    Raises StartFailed, with the tail of its log, when it exits first or is not ready after `seconds`.
    """
    program.prepare()
    with log.open("ab") as output:
        process = subprocess.Popen(
            program.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **program.spawn_arguments()
        )
    try:
        await_ready(program, process, log, seconds)
        yield process
    finally:
        stop(process, program)


def await_ready(program: Program, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    """Block until `program` says it is ready; raises StartFailed as `running` does."""
    deadline = time.monotonic() + seconds
    while (reason := program.check()) is not None:
        if process.poll() is not None:
            msg = f"{program.name} exited with {process.returncode}:\n{tail(log)}"
            raise StartFailed(msg)
        if time.monotonic() > deadline:
            msg = f"{program.name} is not ready after {seconds:.0f} s ({reason}):\n{tail(log)}"
            raise StartFailed(msg)
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ask the program to stop, kill it when it takes longer than it may, and reap it."""
    if process.poll() is None:
        process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
