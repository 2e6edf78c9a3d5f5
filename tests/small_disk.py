"""A disk that can be full: a small tmpfs of a test's own."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = "256m"
PAGE = 4096


@dataclass(frozen=True)
class SmallDisk:
    """Everything under `path` is on it."""

    path: Path

    def fill(self) -> None:
        """Take every page that is free, also while others write."""
        descriptor = os.open(self.path / "filler", os.O_CREAT | os.O_WRONLY)
        taken, step = 0, shutil.disk_usage(self.path).total
        while step >= PAGE:
            try:
                os.posix_fallocate(descriptor, taken, step)
                taken += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
        os.close(descriptor)

    def free(self) -> None:
        """Give them back."""
        (self.path / "filler").unlink()


@contextmanager
def mounted() -> Iterator[SmallDisk]:
    """A new empty disk; skips the test, with the reason, where none can be mounted."""
    path = Path(tempfile.mkdtemp(prefix="hummingbus-disk-"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", path], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        path.rmdir()
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
        path.rmdir()
