"""Checks of what moves: services, streams, the feed of each log and its relay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import asyncpg
from contracts import naming
from service_kit.inspection import BusState

from hummingbus.doctor.finding import Finding, failure, ok, warning
from hummingbus.doctor.installation import Installation
from hummingbus.embedded.nats_permissions import CONTEXTS

LAG_WARNED, LAG_FAILED = timedelta(seconds=5), timedelta(seconds=60)

_HIDDEN = """
SELECT count(*) AS events, clock_timestamp() - min(recorded_at) AS age
FROM {schema}.stored_events WHERE tx >= pg_snapshot_xmin(pg_current_snapshot())
"""
_OLDEST_WRITER = """
SELECT pid, coalesce(nullif(application_name, ''), usename, 'unknown') AS name FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1
"""
# Counting stops at a bound: a stream that was wiped would have the whole log before it.
_UNPUBLISHED = """
SELECT count(*) AS events, clock_timestamp() - min(recorded_at) AS age FROM (
  SELECT recorded_at FROM {schema}.stored_events WHERE (tx, notification_id) > ($1, $2) ORDER BY tx, notification_id LIMIT 10000
) AS waiting
"""


def services(installation: Installation) -> Iterator[Finding]:
    """Every process is ready."""
    report = installation.report
    if installation.supervisor is None:
        yield warning("services", "the stack is down; servers, streams and lag cannot be examined", "hummingbus up")
        return
    if report is None or report.supervisor != installation.supervisor or report.state == "starting":
        yield warning("services", "the stack is starting", "hummingbus status")
        return
    unready = [program for program in report.programs if program.state != "ready"]
    for program in unready:
        found = f"{program.name} is {program.state}: {program.reason or 'no answer'}"
        yield failure("services", found, f"hummingbus logs {program.name}")
    if not unready:
        yield ok("services", f"{len(report.programs)} processes are ready")


def streams(bus: BusState) -> Finding:
    """Each context has its event stream."""
    missing = [stream for context in CONTEXTS if (stream := naming.event_stream(context)) not in bus.streams]
    if missing:
        found = f"missing: {', '.join(missing)}; the relays make and fill them from the logs when they run"
        return failure("streams", found, "hummingbus up   (if it runs: hummingbus down && hummingbus up)")
    return ok("streams", ", ".join(f"{state.name} {state.messages} events" for state in bus.streams.values()))


async def feed_lag(database: asyncpg.Connection, context: str) -> Finding:
    """No transaction that will not end hides newer events from the feed."""
    check = f"feed {context}"
    row = await _measure(database, _HIDDEN, context)
    if row is None:
        return failure(check, f"the schema {context} has no log", "hummingbus up")
    events, age = row["events"], row["age"] or timedelta()
    if not events or age < LAG_WARNED:
        return ok(check, f"{events} events wait behind a running transaction")
    writer = await database.fetchrow(_OLDEST_WRITER)
    who = f"{writer['name']} (backend {writer['pid']})" if writer else "another transaction"
    fix = f"SELECT pg_terminate_backend({writer['pid']});" if writer else "SELECT * FROM pg_prepared_xacts;"
    return _judged(check, f"{events} events hidden for {age.total_seconds():.0f} s behind {who}", age, fix)


async def relay_lag(database: asyncpg.Connection, bus: BusState, context: str) -> Finding:
    """What is in the log is on the stream."""
    check = f"relay {context}"
    stream = bus.streams.get(naming.event_stream(context))
    if stream is None:
        return failure(check, "there is no stream to publish to", "hummingbus up")
    row = await _measure(database, _UNPUBLISHED, context, *stream.place)
    if row is None:
        return failure(check, f"the schema {context} has no log", "hummingbus up")
    events, age = row["events"], row["age"] or timedelta()
    if not events or age < LAG_WARNED:
        return ok(check, f"{events} events to publish")
    fix = f"hummingbus logs {context}   (the relay says why; then: hummingbus down && hummingbus up)"
    return _judged(check, f"{events} events not published, the oldest for {age.total_seconds():.0f} s", age, fix)


async def _measure(database: asyncpg.Connection, sql: str, context: str, *values: object) -> asyncpg.Record | None:
    """The one row of a query on a log; None when the log does not exist."""
    try:
        return await database.fetchrow(sql.format(schema=context), *values)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return None


def _judged(check: str, found: str, age: timedelta, fix: str) -> Finding:
    return failure(check, found, fix) if age >= LAG_FAILED else warning(check, found, fix)
