"""Fixtures with real servers for every test suite of the workspace: `nats_url` and `database_url`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import nats
import pytest
from hummingbus import embedded

TEMPLATE = "template0"


def run_apart[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own in another thread: the test's loop stays untouched."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """A directory for server data. Not pytest's own: that one is closed to the user Postgres runs as when we are root."""
    directory = Path(tempfile.mkdtemp(prefix="hummingbus-tests-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def nats_server_url(server_directory: Path) -> Iterator[str]:
    """The session's NATS server, with JetStream and without logins. Prefer `nats_url`, which is clean for each test."""
    with embedded.running_nats(server_directory) as url:
        yield url


@pytest.fixture
def nats_url(nats_server_url: str) -> str:
    """The URL of a real NATS server with JetStream, without streams or buckets."""
    run_apart(_wipe_streams(nats_server_url))
    return nats_server_url


@pytest.fixture(scope="session")
def postgres_cluster(server_directory: Path) -> Iterator[embedded.PostgresCluster]:
    """The session's Postgres, without fsync. Prefer `database_url`, which is an empty database for each test."""
    with embedded.running_postgres(server_directory) as cluster:
        yield cluster


@pytest.fixture
def database_url(postgres_cluster: embedded.PostgresCluster) -> Iterator[str]:
    """The URL of a new empty database, with a superuser's login, in a real Postgres."""
    name = f"test_{uuid4().hex}"
    run_apart(_execute(postgres_cluster.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
    yield postgres_cluster.url(name)
    run_apart(_execute(postgres_cluster.url(), f"DROP DATABASE {name} WITH (FORCE)"))


async def _wipe_streams(url: str) -> None:
    client = await nats.connect(url)
    manager = client.jetstream()
    for stream in await manager.streams_info():
        await manager.delete_stream(str(stream.config.name))
    await client.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
