"""What is done before the first program of a stack starts, and after the last one ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hummingbus.embedded.ports import Reservations, choose_ports, read_ports, write_ports
from hummingbus.embedded.process import running
from hummingbus.home import Home, locked
from hummingbus.secrets import load_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.layout import Layout, wanted_ports
from hummingbus.stack.report import end_leftovers


def prepare(home: Home, settings: StackSettings, reservations: Reservations) -> Layout:
    """Clear away what a crash left, choose ports, write the services' settings."""
    end_leftovers(home)
    recorded = read_ports(home.ports)
    if settings.port is not None:
        recorded.pop("gateway-api", None)
    ports = choose_ports(wanted_ports(settings), recorded, reservations)
    write_ports(home.ports, ports)
    layout = Layout(home, settings, load_secrets(home), ports)
    layout.write_environment_files()
    return layout


def remove_environment_files(home: Home) -> None:
    """Remove the services' settings: they hold passwords, and only a running stack needs them."""
    for file in home.run.glob("*.env"):
        file.unlink()


@contextmanager
def offline(home: Home, settings: StackSettings) -> Iterator[None]:
    """The database and the services' settings of a stack that is stopped; meanwhile it cannot be started.

    Raises AlreadyLocked, SecretsUnusable, StartFailed.
    """
    with locked(home.lock), ExitStack() as stack:
        stack.callback(remove_environment_files, home)
        layout = prepare(home, settings, Reservations())
        for program in layout.database():
            stack.enter_context(running(program, home.log(program.name)))
        yield
