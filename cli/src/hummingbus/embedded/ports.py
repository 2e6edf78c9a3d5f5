"""Loopback ports: which are free, and which one a server gets."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hummingbus.embedded.process import StartFailed

LOOPBACK = "127.0.0.1"


def port_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now. A connection in TIME_WAIT does not count as taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Some port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Reservations:
    """Ports this process keeps for its servers, also while they are down, from every other stack of this user.

    A port is only seen to be taken while someone listens; two stacks that start together would choose the same.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or Path(tempfile.gettempdir()) / f"hummingbus-ports-{os.getuid()}"
        self._held: list[int] = []

    def take(self, port: int) -> bool:
        """Keep the port until `release` or our death; False when another stack keeps it."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._directory / str(port), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:
            return True  # somebody else made the directory: go without reservations
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held.append(descriptor)
        return True

    def release(self) -> None:
        """Give all ports back."""
        while self._held:
            os.close(self._held.pop())


def choose_ports(wanted: Mapping[str, int], recorded: Mapping[str, int], reservations: Reservations) -> dict[str, int]:
    """A distinct free port for each name, reserved: the recorded one, else the wanted one, else the next free one after it."""
    chosen: dict[str, int] = {}
    for name, preferred in wanted.items():
        candidates = [recorded[name]] if name in recorded else []
        candidates += list(range(preferred, min(preferred + 1000, 65_536)))
        usable = (port for port in candidates if port not in chosen.values() and port_free(port) and reservations.take(port))
        found = next(usable, None)
        if found is None:
            msg = f"no free port for {name} from {preferred} on"
            raise StartFailed(msg)
        chosen[name] = found
    return chosen


def read_ports(path: Path) -> dict[str, int]:
    """The ports recorded by `write_ports`; none when the file is missing or torn."""
    try:
        recorded = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {str(name): int(port) for name, port in recorded.items()}


def write_ports(path: Path, ports: Mapping[str, int]) -> None:
    """Record the chosen ports for the next start and for other programs."""
    path.write_text(json.dumps(dict(ports), indent=2) + "\n")
