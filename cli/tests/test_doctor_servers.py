"""The doctor's checks of servers, against real ones that were broken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from contracts import naming
from eventlog.log import EventLog
from hummingbus.doctor import flow, servers
from hummingbus.doctor.examination import examine
from hummingbus.doctor.installation import Installation
from hummingbus.embedded.nats_permissions import CONTEXTS
from hummingbus.embedded.ports import free_port
from hummingbus.settings import StackSettings
from service_kit.inspection import BusState, StreamState

STREAM = naming.event_stream("accounts")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database with an empty log of accounts."""
    log = EventLog(database_url, context="accounts")
    await log.start()
    await log.stop()
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET search_path TO accounts")
    yield connection
    await connection.close()


async def append(database: asyncpg.Connection, seconds_ago: int) -> None:
    await database.execute(
        "INSERT INTO accounts.stored_events (originator_id, originator_version, topic, state, message_id, actor, recorded_at,"
        " hash) VALUES ('accounts.account-a', 1, 'AccountCreated', '', $1, 'system', $2, '')",
        uuid4(), datetime.now(UTC) - timedelta(seconds=seconds_ago),
    )  # fmt: skip


def bus(*streams: StreamState) -> BusState:
    return BusState("2.15", True, None, {stream.name: stream for stream in streams})


async def test_a_forgetful_postgres_is_found(database: asyncpg.Connection) -> None:
    findings = [finding async for finding in servers.postgres(database)]  # the tests' cluster runs without fsync
    assert [finding.status for finding in findings] == ["failure"]
    assert "ALTER SYSTEM SET fsync = on" in (findings[0].fix or "")


async def test_servers_that_do_not_answer_are_found(tmp_path: Path) -> None:
    settings = StackSettings(
        home=tmp_path / "home",
        nats_url=f"nats://127.0.0.1:{free_port()}",
        database_url=f"postgresql://nobody:x@127.0.0.1:{free_port()}/none",
    )
    found = {one.check: one for one in await examine(Installation.read(settings)) if one.check in {"nats", "postgres"}}
    assert {name: one.status for name, one in found.items()} == {"nats": "failure", "postgres": "failure"}


async def test_a_bus_without_jetstream_or_streams_is_found() -> None:
    assert servers.nats(BusState("2.15", jetstream=False), "").status == "failure"
    finding = flow.streams(bus(StreamState(STREAM, 5)))
    assert finding.status == "failure"
    assert naming.event_stream("trading") in finding.found
    assert flow.streams(bus(*(StreamState(naming.event_stream(context), 1) for context in CONTEXTS))).status == "ok"


@pytest.mark.parametrize(("skew", "status"), [(0.0, "ok"), (-0.7, "warning"), (3.0, "failure"), (-3.0, "failure")])
async def test_a_wrong_clock_is_found(skew: float, status: str) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    async def ask() -> datetime:
        return noon + timedelta(seconds=skew)

    assert (await servers.clock_skew("the database", ask, lambda: noon)).status == status


def test_an_exchange_s_clock_is_judged_by_the_session_it_is_farthest_from() -> None:
    def line(account: str, connector: str, ahead: float) -> str:
        return f'{servers.AHEAD}{{account="{account}",connector="{connector}"}} {ahead}\n'

    metrics = line("a", "binance", 0.1) + line("b", "binance", -2.5) + line("a", "kraken", 0.02) + "other 5\n"
    found = [(finding.status, finding.found) for finding in servers.judged_clocks(metrics)]
    assert [status for status, _ in found] == ["failure", "ok"]
    assert "the exchange binance is -2.500 s" in found[0][1]
    assert servers.judged_clocks("") == []


async def test_how_often_the_bus_syncs_is_told(tmp_path: Path) -> None:
    installation = Installation.read(StackSettings(home=tmp_path))
    installation.home.nats.mkdir()
    (installation.home.nats / "nats.conf").write_text('{"jetstream": {"sync_interval": "always"}}')
    assert "every always" in servers.nats(bus(), servers.sync_setting(installation)).found


async def test_a_transaction_that_hides_events_is_named(database: asyncpg.Connection, database_url: str) -> None:
    assert (await flow.feed_lag(database, "accounts")).status == "ok"
    forgotten = await asyncpg.connect(database_url, server_settings={"application_name": "forgotten"})
    await forgotten.execute("BEGIN; SELECT pg_current_xact_id()")
    await append(database, seconds_ago=90)
    finding = await flow.feed_lag(database, "accounts")
    assert finding.status == "failure"
    assert "forgotten" in finding.found
    assert finding.fix is not None
    assert finding.fix.startswith("SELECT pg_terminate_backend")
    await database.execute(finding.fix)
    await database.execute("SELECT pg_current_xact_id()")
    forgotten.terminate()


async def test_a_relay_that_stands_still_is_found(database: asyncpg.Connection) -> None:
    assert (await flow.relay_lag(database, bus(StreamState(STREAM, 0)), "accounts")).status == "ok"
    await append(database, seconds_ago=30)
    finding = await flow.relay_lag(database, bus(StreamState(STREAM, 0)), "accounts")
    assert finding.status == "warning"
    assert "1 events not published" in finding.found
    tx, position = await database.fetchrow("SELECT tx, notification_id FROM accounts.stored_events")
    assert (await flow.relay_lag(database, bus(StreamState(STREAM, 1, (tx, position))), "accounts")).status == "ok"
    assert (await flow.relay_lag(database, bus(), "accounts")).status == "failure"


async def test_a_log_that_is_missing_is_found(database: asyncpg.Connection) -> None:
    await database.execute("DROP SCHEMA accounts CASCADE")
    assert (await flow.feed_lag(database, "accounts")).status == "failure"
