"""`hummingbus verify`: has anybody changed what happened?"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hummingbus.commands import home_or_fail
from hummingbus.commands.service_log import ask_log
from hummingbus.embedded.nats_permissions import CONTEXTS


def verify(
    service: Annotated[str | None, typer.Argument(help="The service whose log to check; all without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check every event's hash against its content and its predecessor. Exit code 1 when one does not fit."""
    home = home_or_fail()
    told = {each: ask_log(home, each, "verify") for each in ([service] if service else CONTEXTS)}
    if as_json:
        typer.echo(json.dumps(told))
    else:
        for name, audit in told.items():
            typer.echo(f"{name:<17} {_line(audit)}")
    raise typer.Exit(0 if all(audit["intact"] for audit in told.values()) else 1)


def _line(audit: dict[str, Any]) -> str:
    counts = f"{audit['events']} events in {audit['streams']} streams"
    if audit["intact"]:
        return f"{counts}, all intact"
    bad = audit["first_bad"]
    return f"{counts}, {audit['bad_streams']} damaged; first: {bad['stream']} version {bad['version']}: {bad['why']}"
