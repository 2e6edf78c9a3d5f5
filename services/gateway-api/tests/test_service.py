"""The composed service: a real NATS, a real port, the official client's way in, a graceful stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import nats
import pytest
from argon2 import PasswordHasher
from contracts import naming
from contracts.accounts import ListAccounts
from contracts.trading import PlaceOrder
from fake_services import ORDER
from gateway_api.app import build, openapi
from gateway_api.settings import Settings
from nats.aio.msg import Msg
from pydantic import SecretStr
from test_routes import ORDER_BODY


@dataclass
class Running:
    """The gateway as its own process."""

    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture
def gateway(nats_url: str, tmp_path: Path) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pw")
    env_file = tmp_path / "gateway-api.env"
    env_file.write_text(
        f"GATEWAY_API_NATS_URL={nats_url}\nGATEWAY_API_PORT={port}\nGATEWAY_API_USERNAME=u\n"
        f"GATEWAY_API_PASSWORD_HASH='{hashed}'\nHUMMINGBUS_VENUE=sandbox\n"
    )
    environment = {"PATH": os.environ["PATH"], "HUMMINGBUS_ENV_FILE": str(env_file)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway_api"], env=environment, stdout=log, stderr=log)
    running = Running(f"http://127.0.0.1:{port}", process)
    deadline = time.monotonic() + 60
    while not _answers(running):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.05)
    yield running
    process.kill()
    process.wait()


def _answers(running: Running) -> bool:
    try:
        return httpx.get(running.url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def _refused(running: Running) -> None:
    """Returns when the gateway takes no more connections."""
    while _answers(running):
        time.sleep(0.05)


async def test_a_read_over_the_bus_and_a_stop(gateway: Running, nats_url: str) -> None:
    accounts = await nats.connect(nats_url)

    async def answer(message: Msg) -> None:
        assert message.headers[naming.HEADER_ACTOR] == "u"
        await asyncio.sleep(0.5)
        reply = naming.HEADER_STATUS
        await accounts.publish(message.reply, b'["master_account"]', headers={reply: "200"})

    await accounts.subscribe(naming.query_subject(ListAccounts), cb=answer)
    await accounts.flush()
    async with httpx.AsyncClient(base_url=gateway.url, auth=("u", "pw")) as http:
        assert (await http.get("/accounts/")).json() == ["master_account"]
        assert (await http.get("/health")).status_code == 503
        unserved = await http.get("/connectors/")
        assert (unserved.status_code, unserved.json()["detail"]) == (503, "The trading service is not running")
        assert (await http.get("/accounts/", auth=("u", "no"))).status_code == 401
        running = asyncio.create_task(http.get("/accounts/"))
        await asyncio.sleep(0.2)
        gateway.process.send_signal(signal.SIGTERM)
        assert (await running).json() == ["master_account"]
    assert await asyncio.to_thread(gateway.process.wait, 10) == 0
    await accounts.close()


async def test_an_order_under_way_is_answered_while_the_gateway_stops(gateway: Running, nats_url: str) -> None:
    session = await nats.connect(nats_url)
    taken, answer = asyncio.Event(), asyncio.Event()
    placed: list[Msg] = []

    async def place(message: Msg) -> None:
        placed.append(message)
        taken.set()
        await answer.wait()
        await session.publish(message.reply, json.dumps(ORDER).encode(), headers={naming.HEADER_STATUS: "201"})

    await session.subscribe(naming.session_command_subject("master_account", "binance", PlaceOrder), cb=place)
    await session.flush()
    async with httpx.AsyncClient(base_url=gateway.url, auth=("u", "pw"), timeout=60) as http, asyncio.timeout(60):
        running = asyncio.create_task(http.post("/trading/orders", json=ORDER_BODY))
        await taken.wait()
        gateway.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(_refused, gateway)
        assert gateway.process.poll() is None
        answer.set()
        response = await running
    assert (response.status_code, response.json()) == (201, ORDER)
    assert len(placed) == 1
    assert await asyncio.to_thread(gateway.process.wait, 30) == 0
    await session.close()


def test_documents_are_made_without_connecting() -> None:
    settings = Settings(nats_url="nats://127.0.0.1:1", username="u", password_hash=SecretStr("h"))
    assert build(settings).asyncapi()["asyncapi"].startswith("3.")
    assert json.dumps(openapi())


def test_the_gateway_stays_light() -> None:
    code = "import sys, gateway_api.app; print(*(set(sys.modules) & {'hummingbot', 'pandas', 'numpy'}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
