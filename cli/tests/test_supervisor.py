"""The supervisor: order of start and stop, restart with backoff, what it reports."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hummingbus.embedded.process import NICENESS, Program, StartFailed, Stuck
from hummingbus.home import Home
from hummingbus.stack.log_file import KEPT, LogFile
from hummingbus.stack.report import ProgramReport, StackReport, end_leftovers, read_report, write_report
from hummingbus.stack.supervisor import Supervisor

SERVE = """
import pathlib, signal, sys, time
journal, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def note(what):
    with journal.open("a") as file: file.write(f"{what} {name}\\n")
def stop(*_):
    note("stop"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("start")
print(f"{name} says hello", flush=True)
pathlib.Path(sys.argv[3]).touch()
while True: time.sleep(0.05)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.open()
    return home


def fake(home: Home, name: str, script: str = SERVE) -> Program:
    """A service that notes its start and stop in a journal and is ready when its file exists."""
    ready = home.run / f"{name}.ready"
    return Program(
        name=name,
        argv=(sys.executable, "-c", script, str(home.path / "journal"), name, str(ready)),
        check=lambda: None if ready.exists() else "no file yet",
        prepare=lambda: ready.unlink(missing_ok=True),
        stop_seconds=5,
    )


def journal(home: Home) -> list[str]:
    return (home.path / "journal").read_text().splitlines()


@asynccontextmanager
async def supervised(home: Home, groups: Sequence[Sequence[Program]], group_seconds: float = 10) -> AsyncIterator[Supervisor]:
    stopping = asyncio.Event()
    report = StackReport(supervisor=os.getpid(), venue="sandbox", url="http://127.0.0.1:1")
    supervisor = Supervisor(home, groups, report, group_seconds)
    running = asyncio.create_task(supervisor.run(stopping))
    try:
        yield supervisor
    finally:
        stopping.set()
        await running


def program(home: Home, name: str) -> ProgramReport:
    """What is reported of a program; as if it had not started yet while nothing is reported."""
    report = read_report(home)
    return (
        next((one for one in report.programs if one.name == name), ProgramReport(name=name))
        if report
        else ProgramReport(name=name)
    )


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it waits for another process
            await asyncio.sleep(0.02)


def all_ready(home: Home) -> Callable[[], bool]:
    return lambda: (report := read_report(home)) is not None and report.ready


async def test_order_of_start_and_stop(home: Home) -> None:
    async with supervised(home, [[fake(home, "first")], [fake(home, "second")], [fake(home, "third")]]):
        await until(all_ready(home))
    assert journal(home) == ["start first", "start second", "start third", "stop third", "stop second", "stop first"]
    report = read_report(home)
    assert report is not None
    assert report.state == "stopping"
    assert {one.state for one in report.programs} == {"stopped"}
    assert "first says hello" in home.log("first").read_text()


async def test_a_killed_program_is_back_within_a_second(home: Home) -> None:
    async with supervised(home, [[fake(home, "one"), fake(home, "other")]]):
        await until(all_ready(home))
        before, other = program(home, "one").pid, program(home, "other").pid
        assert before
        os.kill(before, signal.SIGKILL)
        await until(lambda: program(home, "one").restarts == 1 and program(home, "one").state == "ready", seconds=30)
        assert program(home, "one").pid != before
        assert program(home, "other").pid == other


async def test_a_program_that_keeps_dying_waits_longer_and_does_not_hold_up_the_rest(home: Home) -> None:
    dying = fake(home, "dying", "import sys; print('no luck', flush=True); sys.exit(3)")
    async with supervised(home, [[dying], [fake(home, "next")]], group_seconds=0.5):
        await until(lambda: program(home, "next").state == "ready")
        await until(lambda: program(home, "dying").restarts >= 3)
        assert program(home, "dying").reason == "exited with 3"
        assert program(home, "dying").restarts < 6
    assert "no luck" in home.log("dying").read_text()


async def test_the_reason_why_it_is_not_ready_is_reported(home: Home) -> None:
    silent = fake(home, "silent", "import time; time.sleep(60)")
    async with supervised(home, [[silent]]):
        await until(lambda: program(home, "silent").reason == "no file yet")
        assert program(home, "silent").state == "starting"


async def test_what_depends_on_a_program_waits_for_its_provision(home: Home) -> None:
    tries = []

    def provision() -> None:
        tries.append(1)
        if len(tries) < 3:
            msg = "not yet"
            raise StartFailed(msg)

    async with supervised(home, [[replace(fake(home, "store"), provision=provision)], [fake(home, "user")]]):
        await until(all_ready(home))
        assert len(tries) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares out the processors by session")
@pytest.mark.parametrize(("background", "niceness"), [(False, 0), (True, NICENESS)])
def test_a_program_in_the_background_gives_way_as_a_session(home: Home, background: bool, niceness: int) -> None:
    script = "import os; print(os.nice(0), open('/proc/self/autogroup').read().split()[-1])"
    program = replace(fake(home, "one", script), background=background)
    told = subprocess.run(program.argv, stdout=subprocess.PIPE, check=True, text=True, **program.spawn_arguments()).stdout
    assert told.split() == [str(niceness + os.nice(0)), str(niceness)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares out the processors by session")
def test_several_programs_give_way_at_once_for_users_without_privileges() -> None:
    """Linux lets all of them together do it ten times a second, and refuses them in between."""
    script = """
import subprocess, sys
from hummingbus.embedded.process import give_way
show = "print(open('/proc/self/autogroup').read().split()[-1])"
for _ in range(4):
    subprocess.run([sys.executable, "-c", show], start_new_session=True, preexec_fn=give_way, check=True)
"""
    plain = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"] if os.geteuid() == 0 else []
    done = subprocess.run([*plain, sys.executable, "-c", script], capture_output=True, check=False, text=True)
    assert done.stdout.split() == 4 * [str(NICENESS)], done.stderr


async def test_a_program_that_ignores_its_signal_is_killed(home: Home) -> None:
    deaf = replace(fake(home, "deaf", SERVE.replace('note("stop"); sys.exit(0)', "pass")), stop_seconds=0.3)
    async with supervised(home, [[deaf]]):
        await until(all_ready(home))
        pid = program(home, "deaf").pid
    assert pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_leftovers_of_a_killed_supervisor_are_ended(home: Home) -> None:
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    reused = ProgramReport(name="reused", pid=os.getpid(), created=1.0)
    programs = [ProgramReport(name="left", pid=left.pid), reused]
    write_report(home, StackReport(supervisor=1, venue="sandbox", url="", programs=programs))
    assert end_leftovers(home) == ["left"], "a pid that belongs to another process by now is not touched"
    assert left.poll() is not None


def test_a_long_log_is_rotated(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", rotate_at=100)
    for number in range(50):
        log.write(f"line {number:03} {'x' * 20}\n".encode())
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == KEPT + 1
    assert all(file.stat().st_size < 200 for file in files)
    assert "line 049" in (tmp_path / "a.log.1").read_text() + (tmp_path / "a.log").read_text()


async def test_a_program_that_is_stuck_is_started_again_when_it_would_help(home: Home) -> None:
    room = home.run / "room"
    stuck = Stuck(b"says hello", "no room", lambda: room.exists() and journal(home) == ["start a"])
    async with supervised(home, [[replace(fake(home, "a"), stuck=stuck)]]) as supervisor:
        await until(lambda: supervisor.children[0].report.reason == "no room")
        assert journal(home) == ["start a"]
        room.touch()
        await until(lambda: journal(home) == ["start a", "stop a", "start a"])
        assert supervisor.children[0].report.restarts == 1


async def test_the_report_is_written_again_when_the_disk_was_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    full = [True]

    def write(home: Home, report: StackReport) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_report(home, report)

    monkeypatch.setattr("hummingbus.stack.supervisor.write_report", write)
    async with supervised(home, [[fake(home, "a")]]) as supervisor:
        await until(lambda: supervisor.children[0].report.state == "ready")
        assert read_report(home) is None
        full.clear()
        await until(lambda: (report := read_report(home)) is not None and report.ready)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_loses_lines_of_a_log_and_nothing_else() -> None:
    log = LogFile(Path("/dev/full"))
    log.write(b"lost\n")
    log.close()
