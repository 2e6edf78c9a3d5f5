"""The commands, against a supervisor over fake services."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hummingbus.__main__ import app
from hummingbus.commands.up import why_not
from hummingbus.embedded.ports import free_port
from hummingbus.home import AlreadyLocked, Home, locked
from hummingbus.stack.report import ProgramReport, StackReport, read_report
from typer.testing import CliRunner, Result


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HUMMINGBUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home")
    home.open()
    return home


@pytest.fixture
def stack(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A running stack of one fake service."""
    script = Path(__file__).with_name("fake_stack.py")
    with subprocess.Popen([sys.executable, script, str(home.path), str(free_port())]) as process:
        deadline = time.monotonic() + 60
        while not ((report := read_report(home)) and report.ready) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process
        process.terminate()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_commands_without_a_stack(home: Home) -> None:
    assert run("down").output.startswith("Not running")
    assert run("status").exit_code == 3
    assert json.loads(run("status", "--json").output) == {"state": "down"}
    assert run("logs").exit_code == 1
    assert "no sandbox exchange" in run("sandbox", "account", "create").output


def test_a_second_up_does_nothing(home: Home, stack: subprocess.Popen[bytes]) -> None:
    before = read_report(home)
    result = run("up")
    assert result.exit_code == 0
    assert f"Already running, nothing to do: http://127.0.0.1:{before.ports['gateway-api']}" in result.output  # type: ignore[union-attr]
    assert read_report(home) == before


def test_status_shows_every_process(home: Home, stack: subprocess.Popen[bytes]) -> None:
    document = json.loads(run("status", "--json").output)
    assert document["ready"] is True
    supervisor, gateway = document["processes"]
    assert (supervisor["process"], supervisor["pid"]) == ("supervisor", stack.pid)
    assert (gateway["process"], gateway["state"], gateway["restarts"]) == ("gateway-api", "ready", 0)
    assert gateway["memory"] > 1_000_000
    assert gateway["uptime"] >= 0
    assert "gateway-api  ready" in run("status").output


def test_down_stops_it(home: Home, stack: subprocess.Popen[bytes]) -> None:
    pid = json.loads(run("status", "--json").output)["processes"][1]["pid"]
    assert run("down").output == "Stopped.\n"
    assert stack.wait(5) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_stack_counts_as_down(home: Home, stack: subprocess.Popen[bytes]) -> None:
    stack.send_signal(signal.SIGKILL)
    stack.wait()
    assert home.lock.read_text() == str(stack.pid), "the stale file is there"
    assert run("status").exit_code == 3
    assert run("down").exit_code == 0


def test_looking_whether_a_stack_runs_does_not_keep_one_from_starting(home: Home) -> None:
    home.lock.touch()
    with home.lock.open() as looking, ThreadPoolExecutor(1) as other:
        fcntl.flock(looking, fcntl.LOCK_SH)
        starting = other.submit(_locked_once, home)
        with pytest.raises(TimeoutError):
            starting.result(0.1)
        fcntl.flock(looking, fcntl.LOCK_UN)
        assert starting.result(5) == os.getpid()


def test_a_second_supervisor_is_refused(home: Home) -> None:
    with locked(home.lock), pytest.raises(AlreadyLocked), locked(home.lock):
        pass


def _locked_once(home: Home) -> int | None:
    with locked(home.lock):
        return home.supervisor()


def test_a_failed_start_names_the_service_the_reason_and_its_log(home: Home) -> None:
    home.log("trading").write_text("Traceback: boom\n")
    programs = [
        ProgramReport(name="nats", state="ready"),
        ProgramReport(name="trading", state="starting", reason="vault: closed"),
    ]
    text = why_not(home, StackReport(supervisor=1, venue="sandbox", url="", programs=programs))
    assert "trading is starting: vault: closed" in text
    assert "Traceback: boom" in text
    assert "nats" not in text


def test_logs_follow_names_each_line(home: Home) -> None:
    home.log("trading").write_text("one\ntwo\n")
    home.log("nats").write_text("ready\n")
    assert run("logs", "-n", "1").output.split() == ["nats", "ready", "trading", "two"]
    assert run("logs", "trading").output == "one\ntwo\n"
    assert "there are: nats, trading" in run("logs", "unknown").output


@pytest.mark.parametrize("text", ["USDT", "USDT=abc", "USDT=-1", "USDT=NaN"])
def test_a_wrong_balance_is_refused(home: Home, text: str) -> None:
    assert run("sandbox", "account", "create", "--balance", text).exit_code == 1
