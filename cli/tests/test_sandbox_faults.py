"""`hummingbus sandbox fault`, against an exchange."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hummingbus.__main__ import app
from hummingbus.embedded.ports import LOOPBACK, free_port, write_ports
from hummingbus.home import Home
from hummingbus.secrets import InstallationSecrets, save_secrets
from typer.testing import CliRunner

TOKEN = "operator"


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a running exchange that is this home's."""
    monkeypatch.setenv("HUMMINGBUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home, port = Home(tmp_path / "home"), free_port()
    home.open()
    save_secrets(home, InstallationSecrets({"sandbox_admin_token": TOKEN}))
    write_ports(home.ports, {"sandbox-exchange": port})
    settings = {"PORT": str(port), "DATA_DIR": str(tmp_path / "exchange"), "ADMIN_TOKEN": TOKEN}
    environment = os.environ | {f"SANDBOX_EXCHANGE_{name}": value for name, value in settings.items()}
    url = f"http://{LOOPBACK}:{port}"
    with subprocess.Popen([sys.executable, "-P", "-m", "sandbox_exchange"], env=environment) as process:
        try:
            _await_health(url, process)
            yield url
        finally:
            process.terminate()


def _await_health(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the exchange ended"
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the exchange does not start")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sandbox", "fault", *arguments])
    return result.exit_code, result.output


def test_faults_are_added_listed_and_ended(exchange: str) -> None:
    assert run("list") == (0, "No faults.\n")
    code, text = run("add", "clock_skew", "--ms", "-3600000", "--seed", "4", "--count", "3", "--json")
    added = json.loads(text)
    assert (code, added["fault_id"], added["milliseconds"], added["seed"]) == (0, "fault1", -3_600_000, 4)
    code, text = run(
        "add", "rate_limit", "--endpoint", "depth", "--status", "418", "--retry-after", "5", "--symbol", "BTC-USDT"
    )
    assert (code, "fault2" in text) == (0, True)
    refused = httpx.get(f"{exchange}/api/v3/depth", params={"symbol": "BTCUSDT"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (418, "5")
    assert [fault["fired"] for fault in json.loads(run("list", "--json")[1])] == [0, 1]
    header, *rows = run("list")[1].splitlines()
    assert header.split() == ["fault", "kind", "endpoint", "settings", "occasions", "fired", "active"]
    assert rows[1].split()[:3] == ["fault2", "rate_limit", "depth"]
    assert "symbol=BTCUSDT" in rows[1]
    assert rows[1].split()[-3:] == ["1", "1", "True"]
    assert run("clear", "fault1", "--json") == (0, '{"removed": ["fault1"]}\n')
    assert run("clear")[1].split(maxsplit=1) == ["removed", '["fault2"]\n']
    assert httpx.get(f"{exchange}/api/v3/depth", params={"symbol": "BTCUSDT"}).is_success


def test_a_wrong_fault_is_refused_by_name(exchange: str) -> None:
    code, text = run("add", "earthquake")
    assert (code, "kind: Input should be" in text) == (1, True)
    assert run("clear", "fault9")[0] == 1
