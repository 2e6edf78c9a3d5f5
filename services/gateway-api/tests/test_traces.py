"""One trace from the HTTP request of the gateway to the row in Postgres and the view over the event, as OTLP sees it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator

import httpx
import pytest
from argon2 import PasswordHasher
from contracts import naming
from contracts.accounts import AccountChanged, AccountCreated, CreateAccount
from contracts.message import Metadata
from eventlog.log import EventLog
from eventlog.statements import Write
from gateway_api.app import build
from gateway_api.settings import Settings
from otlp_receiver import OtlpReceiver
from pydantic import SecretStr
from service_kit.received import Received
from service_kit.service import Service
from service_kit.settings import ServiceSettings
from sqlalchemy import Column, MetaData, Table, Text

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    receiver = OtlpReceiver()
    yield receiver
    receiver.close()


class NamesView:
    """A row an account, made from the events of another service."""

    name = "names"
    context = "accounts"
    subjects = (naming.noun_events("accounts", "account"),)
    metadata = MetaData()
    table = Table("names", metadata, Column("name", Text, primary_key=True))

    def project(self, received: Received) -> Iterable[Write]:
        """One row an event."""
        assert isinstance(received.event, AccountCreated)
        yield Write("insert into names (name) values ($1)", (received.event.account,))


def service_of(name: str, nats_url: str, endpoint: str, log: EventLog) -> Service:
    return Service(name, ServiceSettings(nats_url=nats_url, replica="r1", otlp_endpoint=endpoint), log=log)


def gateway_of(nats_url: str, endpoint: str) -> tuple[Service, str]:
    """The composed gateway and where it will listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pw")
    settings = Settings(nats_url=nats_url, port=port, username="u", password_hash=SecretStr(hashed), otlp_endpoint=endpoint)
    return build(settings), f"http://127.0.0.1:{port}"


async def create_over_http(url: str) -> None:
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    async with httpx.AsyncClient(base_url=url, auth=("u", "pw"), timeout=30) as http:
        response = await http.post("/accounts/add-account", params={"account_name": "a1"}, headers=headers)
    assert response.status_code == 201, response.text


async def viewed(reader: EventLog) -> None:
    async with asyncio.timeout(30):
        while True:
            if await reader.fetch("select name from names"):
                return
            await asyncio.sleep(0.02)


async def test_one_trace_from_the_request_to_the_view(nats_url, database_url, receiver):
    log = EventLog(database_url, context="accounts")
    accounts = service_of("accounts", nats_url, receiver.url, log)
    reader = EventLog(database_url, context="trading", tables=[NamesView.metadata])
    trading = service_of("trading", nats_url, receiver.url, reader)
    trading.projection(NamesView())
    gateway, url = gateway_of(nats_url, receiver.url)

    async def create(command: CreateAccount, metadata: Metadata) -> AccountChanged:
        await log.append(f"accounts.account-{command.account}", 0, [AccountCreated(account=command.account)], metadata)
        return AccountChanged(account=command.account, version=1)

    accounts.command(CreateAccount, create)
    services = (accounts, trading, gateway)
    await asyncio.gather(*(service.start() for service in services))
    await create_over_http(url)

    await viewed(reader)
    await asyncio.gather(*(service.stop() for service in services))
    named = {(service, span.name): span for service, span in receiver.spans if span.trace_id.hex() == TRACE}
    path = [
        ("gateway-api", "POST /accounts/add-account", CALLER),
        ("gateway-api", "CreateAccount", "POST /accounts/add-account"),
        ("accounts", "CreateAccount", "CreateAccount"),
        ("accounts", "append", "CreateAccount"),
        ("accounts", "publish AccountCreated", "CreateAccount"),
        ("trading", "names AccountCreated", "CreateAccount"),
    ]
    assert {(service, name) for service, name, _ in path} <= set(named)
    names = {span.span_id.hex(): span.name for span in named.values()} | {CALLER: CALLER}
    for service, name, parent in path:
        span = named[service, name]
        assert names[span.parent_span_id.hex()] == parent
        assert span.end_time_unix_nano >= span.start_time_unix_nano
    handled = named["accounts", "CreateAccount"]
    assert named["accounts", "append"].parent_span_id == handled.span_id
    assert handled.parent_span_id == named["gateway-api", "CreateAccount"].span_id


async def test_without_an_endpoint_nothing_is_exported(nats_url):
    service = Service("accounts", ServiceSettings(nats_url=nats_url))
    assert not service.tracing.exporting
