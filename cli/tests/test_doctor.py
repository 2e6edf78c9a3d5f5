"""The doctor: each check finds the fault it is there for, and says how to mend it."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import psutil
import pytest
from hummingbus.__main__ import app
from hummingbus.doctor import flow, leftovers, machine, market_data
from hummingbus.doctor.finding import Finding
from hummingbus.doctor.installation import Installation
from hummingbus.home import Home
from hummingbus.secrets import ensure_secrets
from hummingbus.settings import StackSettings
from hummingbus.stack.report import ProgramReport, StackReport, write_report
from typer.testing import CliRunner


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """A home after its first start."""
    settings = StackSettings(home=tmp_path / "home")
    home = Home(settings.home)
    home.open()
    ensure_secrets(home, settings)
    return settings


@pytest.fixture
def installation(settings: StackSettings) -> Installation:
    return Installation.read(settings)


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port somebody else (this process) listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        yield int(listening.getsockname()[1])


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_another_python_is_refused() -> None:
    assert machine.python_version().status == "ok"
    assert machine.python_version((3, 13, 1)).status == "failure"


def test_a_missing_or_uncompiled_engine_is_found_without_importing_it(tmp_path: Path) -> None:
    assert machine.engine_build(lambda: None).status == "failure"
    finding = machine.engine_build(lambda: tmp_path)
    assert (finding.status, finding.fix) == ("failure", "make setup")
    compiled = tmp_path / f"{machine.COMPILED_PART}{EXTENSION_SUFFIXES[0]}"
    compiled.parent.mkdir(parents=True)
    compiled.touch()
    assert machine.engine_build(lambda: tmp_path).status == "ok"
    code = "import sys; from hummingbus.doctor import machine as m; m.engine_build(); sys.exit('hummingbot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(("free", "status"), [(100 * 1024**2, "failure"), (500 * 1024**2, "warning"), (9 * 1024**3, "ok")])
def test_a_full_disk_is_found(installation: Installation, free: int, status: str) -> None:
    assert machine.disk_space(installation, lambda _: free).status == status


def test_a_home_that_cannot_be_written_is_found(installation: Installation) -> None:
    assert only(machine.home_writable(installation)).status == "ok"
    installation.home.logs.rmdir()
    installation.home.logs.write_text("in the way")
    finding = only(machine.home_writable(installation))
    assert finding.status == "failure"
    assert str(installation.home.logs) in (finding.fix or "")


@pytest.mark.parametrize("name", ["secrets", "secrets/machine.key", "secrets/installation.sealed", "run/trading.env"])
def test_secrets_others_may_read_are_found(installation: Installation, name: str) -> None:
    installation.home.write_private(installation.home.environment_file("trading"), "SECRET='x'\n")
    assert only(leftovers.secret_files(installation)).status == "ok"
    path = installation.home.path / name
    path.chmod(0o755)
    finding = only(leftovers.secret_files(installation))
    assert (finding.status, finding.fix) == ("failure", f"chmod {'700' if path.is_dir() else '600'} {path}")


def test_secrets_of_another_machine_key_are_found(settings: StackSettings, installation: Installation) -> None:
    key = installation.home.secrets / "machine.key"
    key.write_text("A" * 43 + "=")
    finding = only(leftovers.secret_files(Installation.read(settings)))
    assert finding.status == "failure"
    assert "cannot be opened" in finding.found


def test_a_stranger_on_a_port_is_named(installation: Installation, stranger: int) -> None:
    down = dataclasses.replace(installation, ports={"nats": stranger})
    finding = next(one for one in leftovers.ports(down) if str(stranger) in one.found)
    assert finding.status == "warning"
    assert f"pid {os.getpid()}" in finding.found
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as supervisor:
        running = dataclasses.replace(down, supervisor=supervisor.pid)
        finding = next(one for one in leftovers.ports(running) if str(stranger) in one.found)
        assert finding.status == "failure"
        supervisor.communicate(b"\n")


def test_a_port_of_our_own_is_ours(installation: Installation, stranger: int) -> None:
    mine = dataclasses.replace(installation, ports={"nats": stranger}, supervisor=os.getpid())
    assert not [one for one in leftovers.ports(mine) if str(stranger) in one.found]


def test_an_orphan_of_a_killed_supervisor_is_found(installation: Installation) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as orphan:
        program = ProgramReport(name="trading", state="ready", pid=orphan.pid, created=psutil.Process(orphan.pid).create_time())
        report = StackReport(supervisor=1, venue="sandbox", url="", programs=[program])
        finding = only(leftovers.orphans(dataclasses.replace(installation, report=report)))
        assert (finding.status, finding.fix) == ("failure", "hummingbus down")
        assert str(orphan.pid) in finding.found
        orphan.communicate(b"\n")
    assert only(leftovers.orphans(dataclasses.replace(installation, report=report))).status == "ok"


def test_a_lock_file_nobody_holds_is_found(installation: Installation) -> None:
    data = installation.home.path / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text("999999\n")
    finding = only(leftovers.orphans(installation))
    assert finding.status == "warning"
    assert "postmaster.pid" in finding.found


def test_settings_of_a_start_that_crashed_are_found(installation: Installation) -> None:
    assert only(leftovers.leftover_files(installation)).status == "ok"
    file = installation.home.environment_file("accounts")
    installation.home.write_private(file, "SECRET='x'\n")
    (installation.home.secrets / ".installation.sealed.77").touch()
    (installation.home.run / "unfinished-backup-x").mkdir()
    assert {one.fix for one in leftovers.leftover_files(installation)} == {
        f"rm {file}",
        f"rm {installation.home.secrets / '.installation.sealed.77'}",
        f"rm -r {installation.home.run / 'unfinished-backup-x'}",
    }


def test_a_database_that_is_gone_is_found(installation: Installation) -> None:
    (installation.home.path / "postgres.location").write_text(f"{installation.home.path / 'gone'}\n")
    write_report(installation.home, StackReport(supervisor=1, venue="sandbox", url=""))
    finding = only(leftovers.leftover_files(installation))
    assert finding.status == "failure"
    assert "is gone" in finding.found


def test_services_that_are_not_ready_are_named(installation: Installation) -> None:
    assert only(flow.services(installation)).fix == "hummingbus up"
    broken = ProgramReport(name="trading", state="restarting", reason="exited with 1")
    programs = [ProgramReport(name="nats", state="ready"), broken]
    report = StackReport(supervisor=os.getpid(), state="running", venue="sandbox", url="", programs=programs)
    finding = only(flow.services(dataclasses.replace(installation, supervisor=os.getpid(), report=report)))
    assert (finding.status, finding.fix) == ("failure", "hummingbus logs trading")
    assert "exited with 1" in finding.found


def test_the_command_exits_with_1_only_for_failures(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUMMINGBUS_HOME", str(installation.home.path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "EXHAUSTED_BYTES", 0)
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert document["healthy"] is True
    assert {"python", "engine build", "disk space", "home", "secrets", "ports", "orphans", "services"} <= {
        finding["check"] for finding in document["findings"]
    }
    (installation.home.secrets / "machine.key").chmod(0o644)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "to mend it: chmod 600" in result.output


def test_a_lag_is_judged_by_its_age() -> None:
    assert flow.LAG_WARNED < flow.LAG_FAILED
    assert flow._judged("feed", "old", timedelta(seconds=61), "x").status == "failure"
    assert flow._judged("feed", "old", timedelta(seconds=6), "x").status == "warning"


def test_a_folder_of_candles_that_cannot_be_written_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(market_data.candle_store(installation)).status == "ok"
    monkeypatch.setattr(market_data.os, "access", lambda *_: False)
    finding = only(market_data.candle_store(installation))
    assert (finding.status, str(installation.home.candles) in finding.found) == ("failure", True)


def test_feeds_that_are_not_current_are_found() -> None:
    metrics = (
        "# TYPE hummingbus_market_data_feeds gauge\n"
        'hummingbus_market_data_feeds{kind="candles"} 2\nhummingbus_market_data_feeds{kind="order_book"} 3\n'
        "# TYPE hummingbus_market_data_feeds_waiting gauge\n"
        'hummingbus_market_data_feeds_waiting{kind="order_book"} %d\n'
    )
    assert market_data.judged("market-data", metrics % 0) == Finding(
        "feeds", "ok", "market-data runs 5 feeds, all of them current"
    )
    waiting = market_data.judged("market-data-2", metrics % 1)
    assert (waiting.status, waiting.found) == ("warning", "1 of 5 feeds of market-data-2 are not current")
    assert waiting.fix is not None
    assert "active-feeds" in waiting.fix
