"""`hummingbus logs`: the output of the processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from hummingbus.commands import fail, home_or_fail
from hummingbus.embedded.process import tail

POLL_SECONDS = 0.2


def logs(
    service: Annotated[str | None, typer.Argument(help="One process, as `hummingbus status` names it; all without it.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of each log to begin with.")] = 20,
) -> None:
    """Print the end of the logs, each line after the name of its process."""
    home = home_or_fail()
    paths = sorted(home.logs.glob("*.log")) if service is None else [home.log(service)]
    missing = [path for path in paths if not path.exists()]
    if missing or not paths:
        known = ", ".join(path.stem for path in sorted(home.logs.glob("*.log"))) or "none yet"
        fail(f"No log of {service or 'any process'}; there are: {known}")
    followed = [FollowedLog(path) for path in paths]
    for path in paths:
        _print(path.stem, tail(path, lines).splitlines() if lines else [], alone=service is not None)
    while follow:
        for log in followed:
            _print(log.path.stem, log.news(), alone=service is not None)
        time.sleep(POLL_SECONDS)


class FollowedLog:
    """The lines written to a log file from now on, across its rotations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb")
        self._file.seek(0, 2)
        self._partial = b""

    def news(self) -> list[str]:
        """The lines completed since the last call."""
        data = self._file.read()
        if not data and self._rotated():
            self._file.close()
            self._file = self.path.open("rb")
            data = self._file.read()
        *complete, self._partial = (self._partial + data).split(b"\n")
        return [line.decode(errors="replace") for line in complete]

    def _rotated(self) -> bool:
        return self.path.exists() and self.path.stat().st_ino != os.fstat(self._file.fileno()).st_ino


def _print(name: str, lines: Iterable[str], *, alone: bool) -> None:
    for line in lines:
        typer.echo(line if alone else f"{name:<17} {line}")
