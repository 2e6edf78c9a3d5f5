"""Makes `fake_exchange` importable by the tests of this package."""

import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from executor_rig import still_sandbox, venue
from rig import Rig, new_log
from sandbox_rig import Sandbox

__all__ = ["still_sandbox", "venue"]


@pytest.fixture
async def log(database_url):
    """Trading's event log on a real database."""
    started = new_log(database_url)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def rig(log):
    """A session that is started by the test."""
    made = Rig(log)
    yield made
    await made.kill()


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def sandbox(port: int, tmp_path: Path) -> AsyncIterator[Sandbox]:
    made = Sandbox(tmp_path, port)
    await made.start()
    yield made
    made.kill()


@pytest.fixture
async def engine(sandbox: Sandbox) -> AsyncIterator[Engine]:
    made = Engine(Venue(sandbox.url))
    await made.start()
    yield made
    await made.stop()
