"""`hummingbus history`: what happened to one aggregate, and how it was at any moment."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from hummingbus.commands import fail, home_or_fail
from hummingbus.commands.service_log import ask_log


def history(
    stream: Annotated[str, typer.Argument(help="A stream as `hummingbus tail` shows it, e.g. trading.order-<order id>.")],
    at_version: Annotated[int | None, typer.Option(min=1, help="The state right after this version.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="The state at a time, ISO 8601 with its zone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print what happened, when, caused by what and whom; with a version or a time also the state as of then."""
    service, dot, _ = stream.partition(".")
    if not dot or "-" not in stream:
        fail(f"{stream}: a stream is named <service>.<noun>-<id>, e.g. accounts.account-master_account")
    if at is not None and at_version is not None:
        fail("Give --at or --at-version, not both")
    question = ["history", stream]
    question += [] if at_version is None else ["--at-version", str(at_version)]
    question += [] if at is None else ["--at-time", _time(at)]
    told = ask_log(home_or_fail(), service, *question)
    if as_json:
        typer.echo(json.dumps(told))
        return
    for event in told["events"]:
        typer.echo("\n".join(_lines(event)))
    if "state" in told:
        last = told["events"][-1]
        typer.echo(f"state after version {last['version']}")
        for name, value in told["state"].items():
            typer.echo(f"  {name:<20} {_text(value)}")


def _lines(event: dict[str, Any]) -> list[str]:
    cause = f"caused by {event['causation_id'] or '-'}, part of {event['correlation_id'] or '-'}"
    fields = [f"       {name:<20} {_text(value)}" for name, value in event["fields"].items()]
    return [f"{event['version']:>5}  {event['time']}  {event['event']}  by {event['actor']}", f"       {cause}", *fields]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--at {text}: not a time, e.g. 2026-01-31T12:00:00+00:00")
    if time.tzinfo is None:
        fail(f"--at {text}: say which zone, e.g. {text}Z")
    return time.isoformat()
