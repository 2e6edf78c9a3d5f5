"""The embedded Postgres under our supervision: logins, crashes, closed directories."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from hummingbus.embedded.ports import free_port
from hummingbus.embedded.postgres import PostgresCluster, processes_in, stop_orphans
from hummingbus.embedded.postgres_binaries import reachable_installation
from hummingbus.embedded.process import SystemUser, running, unprivileged_user
from hummingbus.home import Home
from hummingbus.stack.provisioning import DATABASE, provision

PASSWORD = "throw-away"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")


@pytest.fixture(scope="module")
def open_directory() -> Iterator[Path]:
    """A directory the unprivileged user reaches, which pytest's own is not; one cluster in it serves all tests here."""
    with tempfile.TemporaryDirectory(prefix="hummingbus-postgres-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_it_survives_being_killed(open_directory: Path) -> None:
    cluster = PostgresCluster(open_directory / "postgres", free_port(), PASSWORD, unprivileged_user())
    log = open_directory / "log"
    with running(cluster.program(), log) as process:
        connection = await asyncpg.connect(cluster.url())
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        process.kill()
        # Not reaped yet: the postmaster is a zombie and its lock file is still there.
        with running(cluster.program(), log) as again:
            assert again.pid != process.pid
            reader = await asyncpg.connect(cluster.url())
            assert await reader.fetchval("SELECT n FROM kept") == 1
            assert await reader.fetchval("SHOW fsync") == "on"
            await reader.close()
    assert not list(processes_in(cluster.data))


async def test_it_refuses_a_wrong_password(postgres_cluster: PostgresCluster) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_cluster.url(password="guessed"))


async def test_an_orphan_is_ended_before_the_next_start(open_directory: Path) -> None:
    cluster = PostgresCluster(open_directory / "postgres", free_port(), PASSWORD, unprivileged_user(), durable=False)
    with running(cluster.program(), open_directory / "log") as process:
        await asyncio.to_thread(stop_orphans, cluster.data)
        assert process.wait(5) == 0
        assert not (cluster.data / "postmaster.pid").exists()


def test_a_lock_file_with_another_programs_pid_does_not_stop_it(open_directory: Path) -> None:
    cluster = PostgresCluster(open_directory / "postgres", free_port(), PASSWORD, unprivileged_user(), durable=False)
    with running(cluster.program(), open_directory / "log"):
        pass
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")
    with running(cluster.program(), open_directory / "log"):
        assert cluster.check() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_it_stops_when_its_supervisor_is_killed(open_directory: Path) -> None:
    script = f"""
        from pathlib import Path
        from hummingbus import embedded
        with embedded.running_postgres(Path({str(open_directory)!r})) as cluster:
            print("ready", flush=True)
            input()
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], **pipes) as supervisor:  # type: ignore[call-overload]
        assert supervisor.stdout.readline() == b"ready\n"
        left = list(processes_in(open_directory / "postgres"))
        supervisor.kill()
    assert left
    assert psutil.wait_procs(left, timeout=10)[1] == []


@needs_root
def test_as_root_it_runs_as_another_user(postgres_cluster: PostgresCluster) -> None:
    uids = {process.uids().real for process in processes_in(postgres_cluster.data)}
    assert len(uids) == 1
    assert 0 not in uids


@needs_root
async def test_a_home_closed_to_its_user_keeps_its_mode(open_directory: Path) -> None:
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    home, user = Home(closed / "home"), unprivileged_user()
    home.open()
    data = home.postgres(user, shared=open_directory / "shared")
    assert home.postgres(None) == data, "the choice is recorded"
    cluster = PostgresCluster(data, free_port(), "pw", user, durable=False)
    with running(cluster.program(), open_directory / "log"):
        assert cluster.check() is None
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not (home.path / "postgres").exists()


def test_programs_the_user_cannot_reach_are_copied(open_directory: Path) -> None:
    nobody = SystemUser("stranger", 54_321, 54_321)
    closed = open_directory / "closed to strangers"
    server = closed / "pginstall/bin/postgres"
    server.parent.mkdir(parents=True)
    server.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
    server.chmod(0o700)
    closed.chmod(0o700)
    reached = reachable_installation(closed / "pginstall", nobody, open_directory / "shared")
    assert nobody.reaches(reached / "bin/postgres")
    assert closed.stat().st_mode & 0o777 == 0o700


async def test_each_login_owns_its_schema_and_nothing_else(open_directory: Path) -> None:
    cluster = PostgresCluster(open_directory / "postgres", free_port(), PASSWORD, unprivileged_user(), durable=False)
    with running(cluster.program(), open_directory / "log"):
        for _ in range(2):  # as at every start
            await asyncio.to_thread(provision, cluster, {"accounts": "it's", "trading": "b"})
        accounts = await asyncpg.connect(cluster.url(DATABASE, "accounts", "it's"))
        trading = await asyncpg.connect(cluster.url(DATABASE, "trading", "b"))
        await accounts.execute("CREATE TABLE accounts.own (n int)")
        refused = (
            "SELECT * FROM accounts.own",
            "CREATE TABLE public.x ()",
            "CREATE SCHEMA other",
            "CREATE TABLE accounts.x ()",
        )
        for forbidden in refused:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await trading.execute(forbidden)
        assert await trading.fetchval("SHOW idle_in_transaction_session_timeout") == "30s"
        await accounts.close()
        await trading.close()
