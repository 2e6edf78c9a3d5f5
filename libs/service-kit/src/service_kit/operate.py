"""What operators ask of a service's log, beside the running service: `python -m service_kit.operate <package> <what> ...`.

The service is composed from its own code and settings (`HUMMINGBUS_ENV_FILE`) but not started, so views, events and aggregates
are exactly its own. Prints one JSON document; exits with 2 and a sentence when it cannot be done.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib
import json
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
from contracts.rejections import Unavailable
from eventlog import migration
from eventlog.database import unavailable_when_gone
from eventlog.errors import DownRefused, EventUnknown, SchemaNewer
from pydantic_core import to_jsonable_python

from service_kit.service import Service

if TYPE_CHECKING:
    from eventlog.log import EventLog
    from eventlog.recorded import Recorded


class NotPossible(Exception):
    """What was asked for does not exist; the text says what does."""


async def verify(service: Service) -> dict[str, Any]:
    """Check all hash chains: counts, and the first bad event (None when every chain is whole)."""
    audit = await _log(service).verify_all()
    return {**dataclasses.asdict(audit), "intact": audit.intact}


async def replay(service: Service, view: str | None = None) -> list[dict[str, Any]]:
    """Make one own view, or all, again; per view the digests before and after. Raises NotPossible for an unknown view."""
    log = _log(service)
    known = [each.name for each in log.views]
    if view is not None and view not in known:
        msg = f"{service.name} has no view {view} of its own events; it has: {', '.join(known) or 'none'}"
        raise NotPossible(msg)
    replayed = [await log.replay(each) for each in log.views if view in {None, each.name}]
    return [{**dataclasses.asdict(each), "identical": each.identical} for each in replayed]


async def migrate(service: Service, action: str, revision: str | None = None) -> list[dict[str, Any]]:
    """How far the tables' histories are: as it is (`status`), after `up` to the newest, or after `down` to a revision.

    Raises SchemaNewer; DownRefused; NotPossible for a service without log; Unavailable.
    """
    schema = _log(service).schema
    with unavailable_when_gone():
        if action == "up":
            await migration.up(schema)
        elif action == "down":
            await migration.down(schema, revision or "")
        return [dataclasses.asdict(each) for each in await migration.standings(schema)]


async def history(
    service: Service, stream: str, *, at_version: int | None = None, at_time: datetime | None = None
) -> dict[str, Any]:
    """The events of a stream, up to a version or a time (aware) when one is given, then with the state they fold to.

    Raises NotPossible for a stream without events until then, and for a state of an aggregate that has no decider.
    """
    log = _log(service)
    await log.attach()
    try:
        recorded = await log.read(stream)
    finally:
        await log.stop()
    wanted = at_version is not None or at_time is not None
    happened = [
        one
        for one in recorded
        if (at_version is None or one.version <= at_version) and (at_time is None or one.recorded_at <= at_time)
    ]
    if not happened or (at_version is not None and happened[-1].version < at_version):
        msg = f"{stream} has {len(recorded)} events" + (f", the first of {recorded[0].recorded_at}" if recorded else "")
        raise NotPossible(msg)
    told: dict[str, Any] = {"stream": stream, "events": [_event(one) for one in happened]}
    return told | {"state": _folded(service, stream, happened)} if wanted else told


def _event(recorded: Recorded) -> dict[str, Any]:
    return {
        "version": recorded.version,
        "time": recorded.recorded_at.isoformat(),
        "event": type(recorded.event).__name__,
        "fields": recorded.event.model_dump(mode="json"),
        **recorded.metadata.model_dump(mode="json"),
    }


def _folded(service: Service, stream: str, recorded: Sequence[Recorded]) -> dict[str, Any]:
    noun = stream.split("-", 1)[0].partition(".")[2]
    decider = service.aggregates.get(noun)
    if decider is None:
        msg = f"{service.name} has no aggregate {noun}; it has: {', '.join(service.aggregates) or 'none'}"
        raise NotPossible(msg)
    return described(decider.fold(decider.initial, [one.event for one in recorded]))


def described(state: Any) -> dict[str, Any]:
    """The facts of an aggregate's state, and what its properties say of them, JSON-ready."""
    kind = type(state)
    names = [field.name for field in dataclasses.fields(state)]
    names += [name for name in dir(kind) if not name.startswith("_") and isinstance(getattr(kind, name), property)]
    facts: dict[str, Any] = to_jsonable_python({name: getattr(state, name) for name in names}, fallback=_plain)
    return facts


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _log(service: Service) -> EventLog:
    if service.log is None:
        msg = f"{service.name} has no event log"
        raise NotPossible(msg)
    return service.log


def composed(package: str) -> Service:
    """The service of a package (`gateway_api`), with the settings of this environment; nothing is started."""
    settings = importlib.import_module(f"{package}.settings").Settings()
    service: Service = importlib.import_module(f"{package}.app").build(settings)
    return service


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="service_kit.operate", description=__doc__)
    parser.add_argument("package")
    asked = parser.add_subparsers(dest="asked", required=True)
    asked.add_parser("verify")
    asked.add_parser("replay").add_argument("view", nargs="?")
    migrating = asked.add_parser("migrate")
    migrating.add_argument("action", choices=("status", "up", "down"))
    migrating.add_argument("revision", nargs="?")
    past = asked.add_parser("history")
    past.add_argument("stream")
    past.add_argument("--at-version", type=int)
    past.add_argument("--at-time", type=datetime.fromisoformat)
    return parser


def main() -> None:
    """Do what the command line says."""
    arguments = vars(_parser().parse_args())
    service = composed(arguments.pop("package"))
    works: dict[str, Callable[..., Coroutine[Any, Any, Any]]]
    works = {"verify": verify, "replay": replay, "migrate": migrate, "history": history}
    work = works[arguments.pop("asked")]
    try:
        told = asyncio.run(work(service, **arguments))
    except (NotPossible, Unavailable, EventUnknown, SchemaNewer, DownRefused, asyncpg.PostgresError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
