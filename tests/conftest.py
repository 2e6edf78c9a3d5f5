"""The stack that the tests of one folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A ready stack of this module's own."""
    with running() as started:
        yield started
