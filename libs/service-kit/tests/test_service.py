"""The life of a service: start without its servers, health, the end on SIGTERM, the AsyncAPI document."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx
import pytest
from accounts_log import NamesView, applied, create_accounts
from contracts import naming
from contracts.accounts import AccountChanged, CreateAccount, ListAccounts
from contracts.message import Metadata
from contracts.trading import BalancesReported, PlaceOrder, SessionStarted
from eventlog.log import EventLog
from eventually import eventually
from service_kit.bus import Bus
from service_kit.received import Received
from service_kit.service import Service
from service_kit.settings import ServiceSettings


async def create(command: CreateAccount, _metadata: Metadata) -> AccountChanged:
    return AccountChanged(account=command.account, version=1)


async def list_accounts(_query: ListAccounts, _metadata: Metadata) -> bytes:
    return b"[]"


async def ready(service: Service) -> dict:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{service.health_port}/health/ready")
    assert response.status_code == (200 if response.json()["status"] == "ready" else 503)
    return response.json()


async def test_two_services_over_one_bus(make_service, database_url):
    accounts = make_service("accounts", log=EventLog(database_url, context="accounts"))
    reader = EventLog(database_url, context="trading", tables=[NamesView.metadata])
    trading = make_service("trading", log=reader)
    reacted: list[str] = []

    async def react(received: Received) -> None:
        reacted.append(received.event.account)

    trading.projection(NamesView())
    trading.reaction("sessions", "accounts", NamesView.subjects, react)
    await asyncio.gather(accounts.start(), trading.start())
    await create_accounts(accounts.log, "a1", "a2")

    async def followed() -> bool:
        return await applied(reader) == ["a1", "a2"] and reacted == ["a1", "a2"]

    await eventually(followed)
    assert (await ready(trading))["checks"] == {
        "service": None,
        "bus": None,
        "tasks": None,
        "event log": None,
        "relay": None,
        "view names": None,
        "reaction sessions": None,
    }


async def test_health_says_why_not(make_service, bus):
    service = make_service("accounts")
    trouble: list[str] = ["vault is locked"]
    service.readiness("vault", lambda: trouble[0] if trouble else None)
    await service.start()
    body = await ready(service)
    assert body["checks"]["vault"] == "vault is locked"
    assert {key: body[key] for key in ("status", "service", "replica", "venue")} == {
        "status": "not_ready",
        "service": "accounts",
        "replica": "r1",
        "venue": "sandbox",
    }
    trouble.clear()
    body = await ready(service)
    assert body["status"] == "ready"
    answer = await bus.client.request(naming.health_subject("accounts"), b"", 2)
    assert json.loads(answer.data) == body
    async with httpx.AsyncClient() as client:
        live = await client.get(f"http://127.0.0.1:{service.health_port}/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "live"})


async def test_a_crashing_task_is_shown_and_started_again(make_service):
    service = make_service("accounts")
    runs: list[int] = []

    async def crash() -> None:
        runs.append(1)
        raise ZeroDivisionError("again")

    service.task("history", crash)
    await service.start()
    await eventually(lambda: len(runs) >= 2)
    assert (await ready(service))["checks"]["tasks"] == "history: ZeroDivisionError: again"


async def test_it_waits_for_nats(make_service, killable_nats):
    killable_nats.kill()
    service = make_service("accounts", url=killable_nats.url)
    service.command(CreateAccount, create)
    starting = asyncio.create_task(service.start())
    await eventually(lambda: service._phase == "waiting for NATS")
    assert (await ready(service))["checks"]["service"] == "waiting for NATS"
    await killable_nats.start()
    await asyncio.wait_for(starting, 10)
    client = Bus("gateway-api", killable_nats.url)
    await client.start()
    assert await client.command(CreateAccount(account="a"), AccountChanged, Metadata())
    killable_nats.kill()
    await killable_nats.start()
    await eventually(lambda: client.connected and service.bus.connected)
    await service.bus.settle()
    assert await client.command(CreateAccount(account="a"), AccountChanged, Metadata())
    await client.stop()
    await service.stop()


async def test_hooks_run_in_order_and_a_failing_one_is_tried_again(make_service):
    service = make_service("accounts")
    order: list[str] = []

    async def start() -> None:
        order.append("start")
        if order.count("start") == 1:
            raise ConnectionError

    async def stop() -> None:
        assert service.bus.connected
        order.append("stop")

    service.on_start(start)
    service.on_stop(stop)
    await service.start()
    await service.stop()
    assert order == ["start", "start", "stop"]


PROGRAM = """
import sys
from contracts.accounts import AccountChanged, CreateAccount
from contracts.message import Metadata
from service_kit.service import Service, run
from service_kit.settings import ServiceSettings

async def create(command: CreateAccount, metadata: Metadata) -> AccountChanged:
    return AccountChanged(account=command.account, version=1)

service = Service("accounts", ServiceSettings(nats_url=sys.argv[1]))
service.command(CreateAccount, create)
run(service)
"""


@pytest.mark.parametrize("connected", [True, False])
async def test_sigterm_ends_the_process_in_order(nats_url, bus, tmp_path: Path, connected):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    url = nats_url if connected else "nats://user:hunter2@127.0.0.1:1"
    process = await asyncio.create_subprocess_exec(sys.executable, str(program), url, stdout=asyncio.subprocess.PIPE)
    lines: list[dict] = []
    while not any(line["message"].startswith(("service started", "NATS: ")) for line in lines):
        lines.append(json.loads(await asyncio.wait_for(process.stdout.readline(), 20)))
    if connected:
        assert await bus.command(CreateAccount(account="a"), AccountChanged, Metadata())
    process.send_signal(signal.SIGTERM)
    rest, _ = await asyncio.wait_for(process.communicate(), 6)
    assert process.returncode == 0
    lines += [json.loads(line) for line in rest.splitlines()]
    assert lines[-1]["message"] == "service stopped"
    assert lines[-1]["service"] == "accounts"
    assert b"hunter2" not in rest
    assert not [line for line in lines if "exception" in line]


def test_the_asyncapi_document_names_every_message():
    log = EventLog("postgresql://nowhere", context="accounts")
    service = Service("accounts", ServiceSettings(nats_url="nats://nowhere"), log=log)

    async def react(received: Received) -> None:
        raise AssertionError(received)

    service.command(CreateAccount, create)
    service.query(ListAccounts, list_accounts)
    service.session_commands(PlaceOrder)
    service.reaction("portfolio", "trading", [naming.noun_events("trading", "session")], react)
    document = service.asyncapi()
    assert document["asyncapi"] == "3.0.0"
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert {
        naming.command_subject(CreateAccount),
        naming.query_subject(ListAccounts),
        "cmd.trading.session.{account}.{connector}.PlaceOrder",
        "evt.trading.session.{id}.SessionStarted",
        "evt.trading.session.{id}.BalancesReported",
        "evt.accounts.account.{id}.AccountCreated",
    } <= addresses
    schemas = document["components"]["schemas"]
    assert {"CreateAccount", "ListAccounts", "PlaceOrder", "SessionStarted", "BalancesReported", "AccountCreated"} <= set(
        schemas
    )
    assert set(schemas["CreateAccount"]["properties"]) == {"account"}
    assert set(schemas["SessionStarted"]["properties"]) == set(SessionStarted.model_fields)
    assert set(schemas["BalancesReported"]["properties"]) == set(BalancesReported.model_fields)
    assert "evt.trading.order.{id}.OrderPlaced" not in addresses
    actions = {operation["action"] for operation in document["operations"].values()}
    assert actions == {"receive", "send"}
