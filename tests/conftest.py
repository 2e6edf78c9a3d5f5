"""The stack that the tests of one folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack, running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A ready stack of this module's own."""
    home: Path = tmp_path_factory.mktemp("stack")
    with running(home) as started:
        yield started
