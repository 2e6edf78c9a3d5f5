"""Ports for the stacks of tests: a block for each, kept as long as the stack is wanted, also while its processes are dead."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hummingbus.embedded.ports import Reservations, port_free

BLOCKS = range(20_000, 32_000, 20)
"""The first port of each block: above those that installations choose, below those the system gives to connections."""


@contextmanager
def port_block(directory: Path | None = None) -> Iterator[range]:
    """A block in which nobody listens, and which no other test of this user gets meanwhile.

    The stack's own reservations end with its supervisor: one that is killed and started again could find its ports taken.
    """
    kept = Reservations(directory or Path(tempfile.gettempdir()) / f"hummingbus-test-ports-{os.getuid()}")
    blocks = (range(first, first + BLOCKS.step) for first in BLOCKS if kept.take(first))
    try:
        yield next(block for block in blocks if all(map(port_free, block)))
    finally:
        kept.release()
