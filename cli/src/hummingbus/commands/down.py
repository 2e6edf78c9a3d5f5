"""`hummingbus down`: stop everything, dependents first."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import typer

from hummingbus.commands import fail, home_or_fail
from hummingbus.stack.report import end_leftovers


def down(timeout: Annotated[float, typer.Option(help="Seconds to wait for an orderly stop.")] = 120) -> None:
    """Stop everything in order. Does nothing when nothing runs."""
    home = home_or_fail()
    supervisor = home.supervisor()
    if supervisor is None:
        left = end_leftovers(home)
        typer.echo(f"Not running; ended what a crash had left: {', '.join(left)}" if left else "Not running, nothing to do.")
        return
    os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while home.supervisor() is not None:
        if time.monotonic() > deadline:
            fail(f"The supervisor (pid {supervisor}) is still stopping after {timeout:.0f} s; see `hummingbus status`.")
        time.sleep(0.05)
    typer.echo("Stopped.")
