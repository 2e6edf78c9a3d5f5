"""`hummingbus up`: start the stack, wait until it is ready, say how to go on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, Annotated, cast

import typer
from service_kit.certificates import CertificateUnusable, Identity

from hummingbus.commands import fail, settings_or_fail
from hummingbus.commands.first_steps import announce, print_shown_once
from hummingbus.embedded.process import LIBC, death_signal, minimal_environment, tail
from hummingbus.home import Home, locked
from hummingbus.secrets import SecretsUnusable, ensure_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.report import StackReport, read_report
from hummingbus.stack.tls import read_identity

GIVE_UP_RESTARTS = 4
"""A program that died this often before it ever was ready will not become so by waiting."""

LOCK_SECONDS = 60.0
"""The supervisor takes its lock at once, but may first have to wait for what a crash left behind."""


def up(
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and stop the stack on Ctrl-C or SIGTERM.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until everything is ready.")] = 120,
) -> None:
    """Start everything and return when it is ready. Does nothing when it runs already."""
    settings = settings_or_fail()
    home = Home(settings.home)
    home.open()
    began = time.monotonic()
    identity = _identity(settings)
    with locked(home.run / "up.lock", wait=True):
        running = home.supervisor()
        launched = None if running else launch(home, settings, foreground=foreground)
    if launched is None:
        report = wait_ready(home, running or 0, timeout, quiet=True)
        typer.echo(f"Already running, nothing to do: {report.url} (supervisor {report.supervisor})")
        return
    with _stopped_with_us(launched) if foreground else contextlib.nullcontext():
        report = wait_ready(home, launched.pid, timeout)
        announce(home, settings, report, time.monotonic() - began)
        if identity is not None:
            typer.echo(
                f"  certificate      for {', '.join(identity.names) or 'no name'}, until {identity.expires:%Y-%m-%d %H:%M} UTC"
            )
        if foreground:
            launched.wait()


def _identity(settings: StackSettings) -> Identity | None:
    try:
        return read_identity(settings)
    except CertificateUnusable as error:
        fail(str(error))


def launch(home: Home, settings: StackSettings, *, foreground: bool) -> subprocess.Popen[bytes]:
    """Start the supervisor, hand it the settings, and wait until it holds the lock. In the foreground it ends with us."""
    try:
        print_shown_once(ensure_secrets(home, settings).shown_once)
    except SecretsUnusable as error:
        fail(str(error))
    hook = death_signal(signal.SIGTERM, os.getpid()) if foreground and LIBC else None
    with home.log("supervisor").open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "hummingbus.stack"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=home.path,
            env=minimal_environment(),
            start_new_session=True,
            preexec_fn=hook,  # noqa: PLW1509 - there is only this thread yet
        )
    with contextlib.closing(cast("IO[bytes]", supervisor.stdin)) as pipe:
        pipe.write(settings.model_dump_json().encode())
    deadline = time.monotonic() + LOCK_SECONDS
    while home.supervisor() != supervisor.pid:
        if supervisor.poll() is not None or time.monotonic() > deadline:
            fail(f"The supervisor did not start:\n{tail(home.log('supervisor'))}")
        time.sleep(0.02)
    return supervisor


def wait_ready(home: Home, supervisor: int, seconds: float, *, quiet: bool = False) -> StackReport:
    """Wait until everything is ready, telling each step unless `quiet`.

    After `seconds` it prints what is not ready and why, and exits with code 1.
    """
    deadline = time.monotonic() + seconds
    told: set[str] = set()
    while True:
        # A report of another supervisor is what a crash left behind.
        report = read_report(home)
        current = report if report is not None and report.supervisor == supervisor else None
        if current is not None:
            if not quiet:
                _tell_progress(current, told)
            if current.ready:
                return current
        if home.supervisor() is None:
            fail(f"The supervisor stopped:\n{tail(home.log('supervisor'))}")
        if time.monotonic() > deadline or (current is not None and _hopeless(current)):
            fail(why_not(home, current))
        time.sleep(0.05)


def why_not(home: Home, report: StackReport | None) -> str:
    """Which programs are not ready, why, and the end of their logs."""
    if report is None:
        return f"The supervisor has not reported yet:\n{tail(home.log('supervisor'))}"
    parts = []
    for program in report.programs:
        if program.state == "waiting":
            parts.append(f"{program.name} waits for those before it")
        elif program.state != "ready":
            log = home.log(program.name)
            parts.append(
                f"{program.name} is {program.state}: {program.reason or 'no answer yet'}\n--- end of {log}\n{tail(log)}"
            )
    return "Not ready.\n" + "\n".join(parts) + "\nStill trying: see `hummingbus status`; stop with `hummingbus down`."


def _hopeless(report: StackReport) -> bool:
    return any(program.restarts >= GIVE_UP_RESTARTS and program.ready_ms is None for program in report.programs)


def _tell_progress(report: StackReport, told: set[str]) -> None:
    for program in report.programs:
        if program.state == "ready" and program.name not in told:
            told.add(program.name)
            typer.echo(f"  {program.name:<17} ready in {program.ready_ms} ms, port {program.port}")


@contextlib.contextmanager
def _stopped_with_us(supervisor: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the supervisor when we are interrupted, told to terminate, or fail."""
    for asked in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(asked, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopping")
    finally:
        supervisor.terminate()
        supervisor.wait()
