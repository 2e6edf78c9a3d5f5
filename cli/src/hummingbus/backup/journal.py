"""The sandbox exchange's journal, copied while the exchange writes on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SNAPSHOT = "snapshot.jsonl"


@contextmanager
def kept_files(directory: Path) -> Iterator[list[Path]]:
    """The files that together hold the journal, oldest first; while the block runs none is replaced or removed.

    Full segments are folded into the snapshot by a process that takes this lock. The last segment may grow meanwhile: what was
    read of it is a beginning of it, and the exchange cuts off a half line when it starts.
    """
    if not directory.is_dir():
        yield []
        return
    descriptor = os.open(directory / "compaction.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        snapshot = directory / SNAPSHOT
        yield [*([snapshot] if snapshot.exists() else []), *sorted(directory.glob("journal-*.log"))]
    finally:
        os.close(descriptor)
