"""The stack that the tests of one file share, and which files run together and first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.stack import Stack, running

LONGEST_FIRST = (
    "tests/safety/test_short_round.py",
    "tests/safety/test_short_chaos.py",
    "tests/integration/test_new_service.py",
    "tests/integration/test_replicas.py",
    "tests/integration/test_market_data_replicas.py",
    "tests/conformance/test_schemathesis.py",
    "tests/integration/test_first_trade.py",
    "tests/integration/test_rotation.py",
    "conformance",
)
"""What takes long begins first, so that no process is left alone with it at the end."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A ready stack of this module's own."""
    with running() as started:
        yield started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first."""
    places = {group: place for place, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(_group(item.nodeid), len(places)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Give each process of pytest-xdist whole groups."""
    return _Groups(config, log)


class _Groups(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def _group(nodeid: str) -> str:
    """Its file; one group for all that share the stack of `conformance`. (`--dist loadgroup` needs an older pytest.)"""
    file = Path(nodeid.partition("::")[0])
    shares = file.parent.name == "conformance" and file.stem != "test_schemathesis"
    return "conformance" if shares else str(file)
