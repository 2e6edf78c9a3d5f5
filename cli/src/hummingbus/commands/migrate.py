"""`hummingbus migrate ...`: the revisions of the services' tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from hummingbus.backup.contents import is_empty
from hummingbus.commands import fail, settings_or_fail
from hummingbus.commands.service_log import ask_log, checked_context
from hummingbus.commands.status import table
from hummingbus.embedded.nats_permissions import CONTEXTS
from hummingbus.embedded.process import StartFailed
from hummingbus.home import AlreadyLocked, Home
from hummingbus.secrets import SecretsUnusable
from hummingbus.stack.preparation import offline

app = typer.Typer(no_args_is_help=True, help="Revisions of the services' tables. Services bring their own up when they start.")

Service = Annotated[str | None, typer.Argument(help="One service; all without it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("status")
def status(service: Service = None, as_json: Json = False) -> None:
    """Print which revision each service's tables are at, and which are still to run. The stack may run or not."""
    with _database(changing=False) as home:
        _print(home, _named(service), ("status",), as_json=as_json)


@app.command("up")
def up(service: Service = None, as_json: Json = False) -> None:
    """Run the revisions that are missing, as the services would when they start. The stack must be stopped."""
    with _database(changing=True) as home:
        _print(home, _named(service), ("up",), as_json=as_json)


@app.command("down")
def down(
    service: Annotated[str, typer.Argument(help="The service whose tables go back.")],
    revision: Annotated[str, typer.Argument(help="The revision to go back to, e.g. trading_0001 or log_0001.")],
    as_json: Json = False,
) -> None:
    """Go back to an older revision, before an older version is installed; refused when events would be lost.

    The stack must be stopped. This version would go up again when it is started.
    """
    with _database(changing=True) as home:
        _print(home, _named(service), ("down", revision), as_json=as_json)


@contextmanager
def _database(*, changing: bool) -> Iterator[Home]:
    """The home, while its database runs."""
    settings = settings_or_fail()
    home = Home(settings.home)
    if is_empty(home):
        fail(f"{home.path} holds no installation: start it once with `hummingbus up`")
    if home.supervisor() is not None:
        if changing:
            fail("The stack is running: stop it first with `hummingbus down`")
        yield home
        return
    try:
        with offline(home, settings):
            yield home
    except (SecretsUnusable, StartFailed, AlreadyLocked) as error:
        fail(f"The database cannot be started: {error}")


def _named(service: str | None) -> Sequence[str]:
    return CONTEXTS if service is None else (checked_context(service),)


def _print(home: Home, services: Sequence[str], question: Sequence[str], *, as_json: bool) -> None:
    told = {service: ask_log(home, service, "migrate", *question) for service in services}
    if as_json:
        typer.echo(json.dumps(told))
        return
    rows = [_row(service, each) for service, standings in told.items() for each in standings]
    typer.echo(table([("service", "tables", "revision", "to run"), *rows]))


def _row(service: str, standing: dict[str, Any]) -> tuple[str, ...]:
    return service, standing["history"], standing["at"] or "-", ", ".join(standing["pending"]) or "-"
