"""Fixtures of the event log's tests. Modules beside this one are importable by name."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from eventlog.log import EventLog

sys.path.insert(0, str(Path(__file__).parent))

from purse_domain import CONTEXT, PursesView


@pytest.fixture
def view() -> PursesView:
    """The view of the log's purses."""
    return PursesView()


@pytest.fixture
async def log(database_url: str, view: PursesView) -> AsyncIterator[EventLog]:
    """A running log with one view in an empty database."""
    log = EventLog(database_url, context=CONTEXT, views=[view])
    await log.start()
    yield log
    await log.stop()
