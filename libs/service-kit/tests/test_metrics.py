"""What a service tells about itself at `/metrics`."""

from __future__ import annotations

import asyncio
import math

import httpx
import pytest
from accounts_log import NamesView, applied, create_accounts
from contracts.accounts import AccountChanged, AccountExists, CreateAccount
from contracts.message import Metadata
from eventlog.errors import VersionConflict
from eventlog.log import EventLog
from eventually import eventually
from prometheus_client.parser import text_string_to_metric_families
from service_kit.metrics import Metrics
from service_kit.service import Service

type Sample = tuple[str, frozenset[tuple[str, str]]]


def parsed(text: str) -> dict[Sample, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(service: Service) -> dict[Sample, float]:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{service.health_port}/metrics", timeout=30)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return parsed(response.text)


def value(samples: dict[Sample, float], name: str, **labels: str) -> float:
    return samples[f"hummingbus_{name}", frozenset(labels.items())]


async def create(command: CreateAccount, _metadata: Metadata) -> AccountChanged:
    if command.account == "taken":
        raise AccountExists("It exists")
    if command.account == "bug":
        raise ZeroDivisionError
    return AccountChanged(account=command.account, version=1)


async def test_commands_are_counted_by_class_and_outcome(make_service, bus):
    service = make_service("accounts")
    service.command(CreateAccount, create)
    await service.start()
    for account in ("a", "b", "taken", "bug"):
        await asyncio.gather(bus.command(CreateAccount(account=account), AccountChanged, Metadata()), return_exceptions=True)
    samples = await scrape(service)
    kind = {"kind": "command", "message": "CreateAccount"}
    outcomes = {"ok": 2, "AccountExists": 1, "InternalError": 1}
    assert {code: value(samples, "messages_handled_total", outcome=code, **kind) for code in outcomes} == outcomes
    assert value(samples, "message_handling_seconds_count", **kind) == 4
    assert value(samples, "rejections_total", code="AccountExists") == 1
    assert value(samples, "ready") == 1
    assert samples["process_resident_memory_bytes", frozenset()] > 0


async def test_a_start_is_told_by_stage_until_the_service_is_ready(make_service, database_url):
    service = make_service("accounts", log=EventLog(database_url, context="accounts"))
    reasons: list[str | None] = ["not yet"]
    service.readiness("patience", lambda: reasons[-1])
    await service.start()

    async def stages() -> dict[str, float]:
        samples = await scrape(service)
        return {dict(labels)["stage"]: at for (name, labels), at in samples.items() if name == "hummingbus_start_seconds"}

    assert list(await stages()) == ["imports", "database", "nats", "hooks", "serving"]
    reasons.append(None)

    async def ready() -> bool:
        return "checks" in await stages()

    await eventually(ready, 30)
    assert all(seconds > 0 for seconds in (await stages()).values())


async def test_log_relay_and_view_are_measured(make_service, database_url):
    accounts = make_service("accounts", log=EventLog(database_url, context="accounts"))
    reader = EventLog(database_url, context="trading", tables=[NamesView.metadata])
    trading = make_service("trading", log=reader)
    trading.projection(NamesView())
    await asyncio.gather(accounts.start(), trading.start())
    await create_accounts(accounts.log, "a1", "a2")
    with pytest.raises(VersionConflict):
        await create_accounts(accounts.log, "a1")

    async def followed() -> bool:
        return await applied(reader) == ["a1", "a2"]

    async def published() -> bool:
        return value(await scrape(accounts), "relay_lag_events") == 0

    await eventually(followed, 30)
    await eventually(published, 30)
    samples = await scrape(accounts)
    assert value(samples, "appended_events_total") == 2
    assert value(samples, "append_seconds_count") == 2
    assert value(samples, "append_batch_size_count") == 2
    assert value(samples, "append_conflicts_total") == 1
    assert value(samples, "relay_delay_seconds_count") == 2
    assert value(samples, "feed_lag_events") == value(samples, "relay_lag_seconds") == 0
    read = await scrape(trading)
    assert value(read, "consumer_following", consumer="view names") == 1
    assert value(read, "consumer_lag_events", consumer="view names") == 0


async def test_a_stuck_view_and_a_held_back_feed_show_their_lag(make_service, database_url):
    accounts = make_service("accounts", log=EventLog(database_url, context="accounts"))
    reader = EventLog(database_url, context="trading", tables=[NamesView.metadata])
    trading = make_service("trading", log=reader)
    trading.projection(NamesView())
    await asyncio.gather(accounts.start(), trading.start())
    async with accounts.log.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_current_xact_id()")
        await create_accounts(accounts.log, "poison", "behind")
        samples = await scrape(accounts)
        assert value(samples, "feed_lag_events") == value(samples, "relay_lag_events") == 2
        assert value(samples, "feed_lag_seconds") > 0

    async def stuck() -> bool:
        samples = await scrape(trading)
        return (
            value(samples, "consumer_lag_events", consumer="view names") == 2
            and value(samples, "consumer_lag_seconds", consumer="view names") > 0
            and samples.get(("hummingbus_task_restarts_total", frozenset({("task", "view")})), 0) > 0
        )

    await eventually(stuck, 30)


async def test_what_cannot_be_read_is_no_number():
    metrics = Metrics()
    gauge = metrics.gauge("depth", "Of something")
    gauge.set(3)

    async def fail() -> None:
        raise ConnectionError

    metrics.on_scrape(fail, gauge)
    assert math.isnan(parsed((await metrics.text()).decode())["hummingbus_depth", frozenset()])


async def test_a_reconnection_is_counted(make_service, killable_nats):
    service = make_service("accounts", url=killable_nats.url)
    await service.start()
    killable_nats.kill()
    await eventually(lambda: not service.bus.connected, 30)
    await killable_nats.start()
    await eventually(lambda: service.bus.connected, 30)

    async def counted() -> bool:
        return value(await scrape(service), "nats_reconnects_total") == 1

    await eventually(counted, 30)
    await service.stop()
