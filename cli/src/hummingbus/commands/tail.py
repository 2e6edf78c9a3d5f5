"""`hummingbus tail`: events as they happen."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Annotated, Any

import typer
from contracts import naming
from service_kit.follow import Followed, follow

from hummingbus.commands import fail
from hummingbus.commands.operator_bus import operator_bus
from hummingbus.embedded.nats_permissions import CONTEXTS

SHOWN = {
    "time": naming.HEADER_RECORDED_AT,
    "event": naming.HEADER_TYPE,
    "stream": naming.HEADER_STREAM_ID,
    "version": naming.HEADER_VERSION,
    "actor": naming.HEADER_ACTOR,
    "causation_id": naming.HEADER_CAUSATION_ID,
}
MORE = {"message_id": naming.HEADER_MESSAGE_ID, "correlation_id": naming.HEADER_CORRELATION_ID}


def tail(
    subject: Annotated[str, typer.Argument(help="Which events; * and > are wildcards.")] = naming.ALL_EVENTS,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first event there ever was.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many events.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, with the event's fields.")] = False,
) -> None:
    """Follow events live: time, event, stream, version, actor and the command that caused it. End with Ctrl-C."""
    try:
        naming.event_filters(subject, CONTEXTS)
    except ValueError as error:
        fail(str(error))
    try:
        asyncio.run(_print_events(subject, from_start=from_start, count=count, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _print_events(subject: str, *, from_start: bool, count: int | None, as_json: bool) -> None:
    printed = 0
    async with operator_bus() as bus, aclosing(follow(bus, CONTEXTS, subject, from_start=from_start)) as events:
        async for event in events:
            told = _told(event)
            typer.echo(json.dumps(told) if as_json else "  ".join(str(told[name] or "-") for name in SHOWN))
            printed += 1
            if printed == count:
                return


def _told(event: Followed) -> dict[str, Any]:
    told: dict[str, Any] = {name: event.headers.get(header) for name, header in (SHOWN | MORE).items()}
    try:
        fields = json.loads(event.body)
    except ValueError:
        fields = event.body.decode(errors="replace")
    version = told["version"]
    return told | {"version": int(version) if version else None, "subject": event.subject, "fields": fields}
