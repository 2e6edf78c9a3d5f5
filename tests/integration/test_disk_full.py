"""The disk of a whole installation is full: clear refusals, every process survives, and it goes on when there is room.

Postgres panics for want of a WAL segment and is started again; JetStream, once it failed to write, is started again too.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from hummingbus.embedded.ports import read_ports
from hummingbus.home import Home
from hummingbus.secrets import load_secrets
from hummingbus.stack.provisioning import DATABASE

from tests.small_disk import SmallDisk, mounted
from tests.stack import PASSWORD, USERNAME, Stack, eventually, planned

pytestmark = pytest.mark.timeout(600)
SERVICES = ("sandbox-exchange", "accounts", "market-data", "trading", "gateway-api")


@pytest.fixture
def small() -> Iterator[tuple[Stack, SmallDisk]]:
    """A ready stack whose home is on a small disk."""
    with mounted() as disk:
        home = disk.path / "home"
        home.mkdir()
        with planned(home) as stack:
            stack.up()
            yield stack, disk


def add_account(stack: Stack, name: str) -> httpx.Response:
    address, login = f"{stack.url}/accounts/add-account", (USERNAME, PASSWORD)
    return httpx.post(address, params={"account_name": name}, auth=login, timeout=60)


def add_until_refused(stack: Stack) -> tuple[list[str], httpx.Response]:
    """The accounts that were accepted on the full disk, and the refusal of the first that was not."""
    accepted: list[str] = []
    for number in range(1000):
        answer = add_account(stack, f"full{number}")
        if answer.status_code != 201:
            return accepted, answer
        accepted.append(f"full{number}")
    pytest.fail("the disk was never full")


def accounts(stack: Stack) -> list[str]:
    answer = httpx.get(f"{stack.url}/accounts/", auth=(USERNAME, PASSWORD), timeout=60)
    answer.raise_for_status()
    return list(answer.json())


def pids(stack: Stack) -> dict[str, int]:
    processes = stack.processes()
    return {name: processes[name]["pid"] for name in ("supervisor", *SERVICES)}


def relay_lag(stack: Stack) -> float:
    port = read_ports(stack.home / "run/ports.json")["accounts-health"]
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    found: Any = re.search(r"^hummingbus_relay_lag_events (\S+)$", text, re.MULTILINE)
    return float(found[1])


async def panic(stack: Stack, disk: SmallDisk) -> None:
    """Fill the disk and ask for WAL segments until Postgres ends for want of room. A full disk lets nobody connect."""
    port = read_ports(stack.home / "run/ports.json")["postgres"]
    password = load_secrets(Home(stack.home))["postgres_superuser"]
    connection = await asyncpg.connect(f"postgresql://postgres:{password}@127.0.0.1:{port}/{DATABASE}")
    disk.fill()
    try:
        while True:
            await connection.execute("SELECT pg_logical_emit_message(true, 'test', 'x')")
            await connection.execute("SELECT pg_switch_wal()")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()


def postgres_log(home: Path) -> str:
    return (home / "logs/postgres.log").read_text(errors="replace")


def test_a_full_disk_is_refused_clearly_and_recovered_from(small: tuple[Stack, SmallDisk]) -> None:
    stack, disk = small
    before = pids(stack)
    assert add_account(stack, "before").status_code == 201
    disk.fill()
    accepted, refusal = add_until_refused(stack)
    assert refusal.status_code == 503
    assert "disk is full" in refusal.json()["detail"]
    assert int(refusal.headers["Retry-After"]) > 0
    assert "before" in accounts(stack)
    doctor = json.loads(stack.run("doctor", "--json", codes=(0, 1)))
    assert "writes are about to be refused" in str(doctor)
    assert relay_lag(stack) >= 0
    disk.free()
    asyncio.run(panic(stack, disk))
    eventually(lambda: add_account(stack, "panicked").status_code == 503, "commands are refused while Postgres is away")
    disk.free()
    eventually(lambda: add_account(stack, "after").status_code in {201, 400, 409}, "accepted again")
    eventually(lambda: relay_lag(stack) == 0, "the relay has caught up")
    stack.wait_ready()
    assert pids(stack) == before
    assert set(accepted) | {"before", "after"} <= set(accounts(stack))
    assert json.loads(stack.run("verify", "--json"))["accounts"]["intact"]
