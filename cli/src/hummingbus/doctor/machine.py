"""Checks of the machine: Python, the engine's build, disk."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from hummingbus.doctor.finding import Finding, failure, ok, warning
from hummingbus.doctor.installation import Installation

PYTHON = (3, 12)
ENGINE = "hummingbot"
COMPILED_PART = "core/data_type/limit_order"
"""A module of the engine that exists only once its extensions were compiled."""
REBUILD = "make setup"

SCARCE_BYTES = 1024**3
EXHAUSTED_BYTES = 200 * 1024**2


def python_version(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """The interpreter is the one release the engine is built for."""
    told = ".".join(map(str, version))
    if version[:2] == PYTHON:
        return ok("python", told)
    return failure("python", f"{told}, but the engine is built for 3.12", "uv python install 3.12 && make setup")


def locate_engine() -> Path | None:
    """The engine's package directory, found without importing it."""
    specification = importlib.util.find_spec(ENGINE)
    locations = specification.submodule_search_locations if specification else None
    return Path(next(iter(locations))) if locations else None


def engine_build(locate: Callable[[], Path | None] = locate_engine) -> Finding:
    """The engine is installed and compiled for this interpreter."""
    package = locate()
    if package is None:
        return failure("engine build", f"the package {ENGINE} is not installed for {sys.executable}", REBUILD)
    if not any((package / f"{COMPILED_PART}{suffix}").exists() for suffix in EXTENSION_SUFFIXES):
        found = f"{package} has no {COMPILED_PART} compiled for Python {sys.version_info.major}.{sys.version_info.minor}"
        return failure("engine build", found, REBUILD)
    try:
        release = importlib.metadata.version(ENGINE)
    except importlib.metadata.PackageNotFoundError:
        return warning("engine build", f"{package} is compiled but has no version record", REBUILD)
    return ok("engine build", f"{ENGINE} {release}")


def free_space(path: Path) -> int:
    """Bytes that may still be written there."""
    return shutil.disk_usage(path).free


def disk_space(installation: Installation, free_bytes: Callable[[Path], int] = free_space) -> Finding:
    """There is room for the logs, the database and the journal."""
    places = {_existing(installation.home.path), _existing(installation.postgres_data)}
    scarcest = min(places, key=free_bytes)
    free = free_bytes(scarcest)
    found = f"{free / 1024**2:,.0f} MB free at {scarcest}"
    fix = f"free some space: du -xh {scarcest} | sort -h | tail"
    if free < EXHAUSTED_BYTES:
        return failure("disk space", f"{found}; writes are about to be refused", fix)
    return warning("disk space", found, fix) if free < SCARCE_BYTES else ok("disk space", found)


def home_writable(installation: Installation) -> Iterator[Finding]:
    """Files can be made where the stack makes them."""
    home = installation.home
    present = [path for path in (home.path, home.run, home.logs, home.secrets, home.nats, home.sandbox) if path.exists()]
    faults = [finding for path in present or [_existing(home.path)] if (finding := _unwritable(path))]
    yield from faults or [ok("home", f"{home.path} is writable" if present else f"{home.path} will be made by `hummingbus up`")]


def _unwritable(directory: Path) -> Finding | None:
    if not directory.is_dir():
        return failure("home", f"{directory} is not a directory", f"mv {directory} {directory}.aside")
    try:
        with tempfile.TemporaryFile(dir=directory):
            return None
    except OSError as error:
        found = f"{directory} cannot be written: {error.strerror}"
        return failure("home", found, f"chown -R {os.geteuid()} {directory} && chmod u+rwx {directory}")


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())
