"""Loopback ports: which are free, and which one a server gets."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

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


def answers(port: int, seconds: float = 0.5) -> bool:
    """Whether something accepts connections on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds):
            return True
    except OSError:
        return False


def choose_ports(wanted: Mapping[str, int], recorded: Mapping[str, int]) -> dict[str, int]:
    """A distinct free port for each name: the recorded one, else the wanted one, else the next free one after it.

    A wanted port of 0 means any free port.
    """
    chosen: dict[str, int] = {}
    for name, preferred in wanted.items():
        candidates = [recorded[name]] if name in recorded else []
        candidates += list(range(preferred, min(preferred + 100, 65_536))) if preferred else []
        usable = (port for port in candidates if port not in chosen.values() and port_free(port))
        chosen[name] = next(usable, 0) or _other_free_port(set(chosen.values()))
    return chosen


def _other_free_port(taken: set[int]) -> int:
    while (port := free_port()) in taken:
        pass
    return port


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
