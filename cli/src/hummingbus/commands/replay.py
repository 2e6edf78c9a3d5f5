"""`hummingbus replay`: make views again from the events."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hummingbus.commands import home_or_fail
from hummingbus.commands.service_log import ask_log


def replay(
    service: Annotated[str, typer.Argument(help="The service whose views to make again.")],
    view: Annotated[str | None, typer.Argument(help="One view of its own events; all without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a service's views again while it serves, and tell by digest whether their rows were right.

    Each view in one transaction: readers see the old rows until it is done, appends wait. Digests are SHA-256 over all rows.
    """
    question = ("replay",) if view is None else ("replay", view)
    replayed = ask_log(home_or_fail(), service, *question)
    if as_json:
        typer.echo(json.dumps(replayed))
        return
    for each in replayed:
        typer.echo(f"{each['view']}: {each['events']} events, {'identical' if each['identical'] else 'MENDED'}")
        for table in each["after"]:
            typer.echo(f"  {_digests(table, each)}")


def _digests(table: str, replayed: dict[str, Any]) -> str:
    before, after = replayed["before"][table], replayed["after"][table]
    return f"{table:<20} {after}" if before == after else f"{table:<20} {after}  was {before}"
