"""The durable journal: records are appended in groups with one fsync, and nothing is told before it is on disk."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox_exchange.adapters import journal_files as files

logger = logging.getLogger(__name__)


class JournalFailed(Exception):
    """The journal cannot be written any more; the state in memory is ahead of the disk, so the process must end."""


class Journal:
    """Appends records to segment files.

    `segment_records` records fill a segment; full segments are folded into the snapshot by a separate process.
    """

    def __init__(self, directory: Path, *, segment_records: int = 50_000) -> None:
        self._directory = directory
        self._segment_records = segment_records
        self._descriptor = -1
        self._lock = -1
        self._first = 1
        self._pending: list[bytes] = []
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._failure: JournalFailed | None = None
        self._compaction: asyncio.subprocess.Process | None = None
        self.appended = 0
        self.committed = 0
        self.on_commit: Callable[[int], None] = lambda number: None

    def open(self, fold: Callable[[files.Stored], int]) -> None:
        """Lock the directory and hand everything stored to `fold`, which returns the number of the last record.

        Raises JournalBroken for damaged files and BlockingIOError when another process has the directory.
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._directory / "lock", os.O_WRONLY | os.O_CREAT, files.PRIVATE)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with files.compaction_lock(self._directory):
            found = files.segments(self._directory)
            self.appended = self.committed = fold(files.read(self._directory, found, live=True))
        self._first = files.first_number(found[-1]) if found else self.appended + 1
        self._descriptor = files.open_segment(self._directory, self._first)

    def append(self, record: Mapping[str, object]) -> int:
        """Queue a record. Its number; `durable` waits for it."""
        self.appended += 1
        self._pending.append(files.encode({"n": self.appended, **record}))
        self._wake.set()
        return self.appended

    async def durable(self) -> None:
        """Return when everything appended so far is on disk. Raises JournalFailed."""
        if self.committed >= self.appended:
            return
        if self._failure is not None:
            raise self._failure
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((self.appended, future))
        await future

    async def run(self) -> None:
        """Write what is appended until `stop`. Raises JournalFailed when the disk refuses."""
        loop = asyncio.get_running_loop()
        while self._pending or not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            batch, last = self._pending, self.appended
            self._pending = []
            try:
                await loop.run_in_executor(None, self._write, b"".join(batch))
            except OSError as error:
                self._failure = JournalFailed(str(error))
                self._give_up(self._failure)
                raise self._failure from error
            self._committed(last)
            if last - self._first + 1 >= self._segment_records:
                await self._roll(last + 1)

    def stop(self) -> None:
        """Let `run` write what is left and return."""
        self._stopping = True
        self._wake.set()

    def close(self) -> None:
        """Release the files and the directory, after `run` has returned."""
        os.close(self._descriptor)
        os.close(self._lock)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fdatasync(self._descriptor)

    def _committed(self, last: int) -> None:
        self.committed = last
        self.on_commit(last)
        reached = [future for number, future in self._waiting if number <= last]
        self._waiting = [entry for entry in self._waiting if entry[0] > last]
        for future in reached:
            if not future.done():
                future.set_result(None)

    def _give_up(self, error: JournalFailed) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting = []

    async def _roll(self, first: int) -> None:
        os.close(self._descriptor)
        self._first = first
        self._descriptor = files.open_segment(self._directory, self._first)
        if self._compaction is not None and self._compaction.returncode:
            logger.error("The last compaction ended with %d; the next one starts now.", self._compaction.returncode)
        if self._compaction is None or self._compaction.returncode is not None:
            self._compaction = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sandbox_exchange", "compact", str(self._directory)
            )
