"""All checks of one installation, in the order they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import httpx
from service_kit.inspection import BusState, BusUnreachable, inspect_bus

from hummingbus.doctor import certificate, flow, leftovers, machine, market_data, servers
from hummingbus.doctor.finding import Finding, failure, warning
from hummingbus.doctor.installation import OPERATOR, Installation
from hummingbus.embedded.nats_permissions import CONTEXTS

DATABASE_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
RESTART = "hummingbus down && hummingbus up"


async def examine(installation: Installation) -> list[Finding]:
    """Everything that was found; nothing is changed."""
    found = [machine.python_version(), machine.engine_build(), machine.disk_space(installation)]
    for check in (
        machine.home_writable,
        leftovers.secret_files,
        leftovers.ports,
        leftovers.orphans,
        leftovers.leftover_files,
        leftovers.rotation,
        flow.services,
        certificate.expiry,
        market_data.candle_store,
    ):
        found += check(installation)
    return found + [finding async for finding in _servers(installation)]


async def _servers(installation: Installation) -> AsyncIterator[Finding]:
    bus: BusState | None = None
    if (url := installation.nats_url()) is not None:
        try:
            before = servers.utc_now()
            bus = await inspect_bus(url, OPERATOR, CONTEXTS)
            after = servers.utc_now()
        except BusUnreachable as error:
            yield failure("nats", f"no answer: {error}", f"hummingbus logs nats   (then: {RESTART})")
        else:
            yield servers.nats(bus, servers.sync_setting(installation))
            if bus.jetstream:
                yield flow.streams(bus)
            if bus.time is not None:
                yield servers.skew("NATS", before, bus.time, after)
    if (url := installation.database_url()) is not None:
        try:
            async for finding in _database(url, bus):
                yield finding
        except DATABASE_AWAY as error:
            text = f"no answer: {type(error).__name__} {error}".rstrip()
            yield failure("postgres", text, f"hummingbus logs postgres   (then: {RESTART})")
    for finding in (*await _exchanges(installation), *await market_data.feeds(installation)):
        yield finding


async def _exchanges(installation: Installation) -> list[Finding]:
    """The clocks of the exchanges, while the stack runs."""
    if installation.supervisor is None:
        return []
    sandbox = [await _exchange_clock(installation)] if installation.settings.venue == "sandbox" else []
    return sandbox + await _session_clocks(installation)


async def _session_clocks(installation: Installation) -> list[Finding]:
    try:
        return await servers.session_clocks(installation)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return [warning("clock", f"trading does not tell its exchanges' time: {error}", "hummingbus logs trading")]


async def _exchange_clock(installation: Installation) -> Finding:
    try:
        return await servers.clock_skew("the sandbox exchange", lambda: servers.exchange_time(installation))
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return warning("clock", f"the sandbox exchange does not tell its time: {error}", "hummingbus logs sandbox-exchange")


async def _database(url: str, bus: BusState | None) -> AsyncIterator[Finding]:
    database = await asyncpg.connect(url, timeout=5, command_timeout=10)
    try:
        async for finding in servers.postgres(database):
            yield finding

        async def time() -> datetime:
            return await servers.database_time(database)

        yield await servers.clock_skew("the database", time)
        for context in CONTEXTS:
            yield await flow.feed_lag(database, context)
            if bus is not None and bus.jetstream:
                yield await flow.relay_lag(database, bus, context)
    finally:
        await database.close()
