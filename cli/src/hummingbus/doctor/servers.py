"""Checks of the servers: the bus, the database, their clocks and the exchange's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
from service_kit.inspection import BusState
from service_kit.metrics import measured

from hummingbus.doctor.finding import Finding, failure, ok, warning
from hummingbus.doctor.installation import Installation
from hummingbus.embedded.ports import LOOPBACK

OLDEST_POSTGRES = 140000
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
SKEW_WARNED, SKEW_REFUSED = timedelta(milliseconds=500), timedelta(seconds=1)
"""Binance refuses a request whose time is a second or more ahead of its own."""
SET_CLOCK = "timedatectl set-ntp true   (or: chronyc makestep)"

DEFAULT_SYNC = "2m"
"""NATS's own default."""

AHEAD = "hummingbus_exchange_clock_ahead_seconds"
"""Trading's metric: the exchanges' clocks as its sessions know them."""

type Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)


def sync_setting(installation: Installation) -> str:
    """How often the embedded server syncs JetStream to disk."""
    file = installation.home.nats / "nats.conf"
    if installation.settings.nats_url is not None or not file.exists():
        return "synced to disk as its own configuration says"
    interval = json.loads(file.read_text()).get("jetstream", {}).get("sync_interval", DEFAULT_SYNC)
    return f"synced to disk every {interval}; what a power cut takes is published again from the logs"


def nats(bus: BusState, sync: str) -> Finding:
    """JetStream is enabled; how often it is written to disk is told."""
    if not bus.jetstream:
        found = f"{bus.version} answers, but JetStream is off or closed to us"
        return failure("nats", found, "nats-server --jetstream   (embedded: hummingbus down && hummingbus up)")
    return ok("nats", f"{bus.version}, JetStream on, {sync}")


async def postgres(database: asyncpg.Connection) -> AsyncIterator[Finding]:
    """The server is recent enough and keeps what it has confirmed."""
    number = int(await database.fetchval("SHOW server_version_num"))
    told = await database.fetchval("SHOW server_version")
    if number < OLDEST_POSTGRES:
        fix = "upgrade it, or unset DATABASE_URL to use the embedded one"
        yield failure("postgres", f"version {told}; 14 or newer is needed", fix)
    off = [name for name in DURABLE if await database.fetchval(f"SHOW {name}") == "off"]
    if off:
        fix = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off) + "; SELECT pg_reload_conf();"
        yield failure("postgres", f"version {told}, but {', '.join(off)} is off: a crash loses confirmed orders", fix)
    if number >= OLDEST_POSTGRES and not off:
        yield ok("postgres", f"version {told}, {', '.join(DURABLE)} on")


async def clock_skew(name: str, ask: Callable[[], Awaitable[datetime]], now: Clock = utc_now) -> Finding:
    """Another clock agrees with ours; the time the answer took cannot be told from skew and is allowed for."""
    before = now()
    theirs = await ask()
    return skew(name, before, theirs, now())


def skew(name: str, before: datetime, theirs: datetime, after: datetime) -> Finding:
    """A clock that was read at some moment between `before` and `after`."""
    off = theirs - after if theirs > after else theirs - before if theirs < before else timedelta()
    found = f"{name} is {off.total_seconds():+.3f} s from this machine"
    if abs(off) >= SKEW_REFUSED:
        return failure("clock", f"{found}; exchanges refuse such orders", SET_CLOCK)
    return warning("clock", found, SET_CLOCK) if abs(off) >= SKEW_WARNED else ok("clock", found)


async def database_time(database: asyncpg.Connection) -> datetime:
    """The database server's clock."""
    time: datetime = await database.fetchval("SELECT clock_timestamp()")
    return time


async def exchange_time(installation: Installation) -> datetime:
    """The sandbox exchange's clock. Raises httpx.HTTPError, KeyError."""
    port = installation.ports["sandbox-exchange"]
    async with httpx.AsyncClient(timeout=5) as client:
        answer = (await client.get(f"http://{LOOPBACK}:{port}/api/v3/time")).raise_for_status()
    return datetime.fromtimestamp(answer.json()["serverTime"] / 1000, UTC)


async def session_clocks(installation: Installation) -> list[Finding]:
    """The clock of each exchange that trading sessions are connected to, as far off as any of them says.

    Raises httpx.HTTPError, KeyError.
    """
    async with httpx.AsyncClient(timeout=5) as client:
        port = installation.ports["trading-health"]
        answer = (await client.get(f"http://{LOOPBACK}:{port}/metrics")).raise_for_status()
    return judged_clocks(answer.text)


def judged_clocks(metrics: str) -> list[Finding]:
    """The clocks told by trading's metrics, one finding an exchange."""
    worst: dict[str, float] = {}
    for labels, ahead in measured(metrics, AHEAD):
        worst[labels["connector"]] = max(worst.get(labels["connector"], 0.0), ahead, key=abs)
    now = utc_now()
    return [skew(f"the exchange {name}", now, now + timedelta(seconds=ahead), now) for name, ahead in sorted(worst.items())]
