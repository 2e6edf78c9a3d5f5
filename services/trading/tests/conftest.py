"""Makes `fake_exchange` importable by the tests of this package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from rig import Rig, new_log


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
