"""The durable journal: events are appended in groups with one fsync, and nothing is told before it is on disk."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox_exchange.adapters import journal_files as files
from sandbox_exchange.domain.spot import snapshot
from sandbox_exchange.domain.spot.events import Event, from_record, to_record
from sandbox_exchange.domain.spot.exchange import Exchange


logger = logging.getLogger(__name__)


class JournalFailed(Exception):
    """The journal cannot be written any more; the state in memory is ahead of the disk, so the process must end."""


class Journal:
    """Appends events to segment files and restores an exchange from them.

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

    def restore(self, exchange: Exchange) -> int:
        """Lock the directory and fold everything journalled into an empty exchange. The time of the last record, in ms.

        Raises JournalBroken for damaged files and BlockingIOError when another process has the directory.
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._directory / "lock", os.O_WRONLY | os.O_CREAT, files.PRIVATE)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with files.compaction_lock(self._directory):
            found = files.segments(self._directory)
            self.appended, at = fold(self._directory, exchange, found, live=True)
        self.committed = self.appended
        self._first = files.first_number(found[-1]) if found else self.appended + 1
        self._descriptor = files.open_segment(self._directory, self._first)
        return at

    def append(self, events: Sequence[Event], at: int) -> int:
        """Queue the events of one command. Its number; `durable` waits for it."""
        self.appended += 1
        record = {"n": self.appended, "at": at, "events": [to_record(event) for event in events]}
        self._pending.append(files.encode(record))
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


def fold(directory: Path, exchange: Exchange, found: Sequence[Path], *, live: bool) -> tuple[int, int]:
    """Fold the snapshot and the given segments into an empty exchange. Number and time (ms) of the last record."""
    number, records = files.read_snapshot(directory)
    snapshot.load(exchange.state, records)
    at = max((account.updated_at for account in exchange.state.accounts.values()), default=0)
    for segment in found:
        for record in files.read_segment(segment, is_last=live and segment == found[-1]):
            if record["n"] <= number:
                continue
            if record["n"] != number + 1:
                raise files.JournalBroken(f"Record {number + 1} is missing before {segment}.")
            exchange.replay(from_record(event) for event in record["events"])
            number, at = record["n"], max(at, record["at"])
    return number, at


def compact(directory: Path, exchange: Exchange) -> int:
    """Fold every full segment into the snapshot, next to a running exchange. The number of the last record folded."""
    with files.compaction_lock(directory):
        full = files.segments(directory)[:-1]
        last, _ = fold(directory, exchange, full, live=False)
        if full:
            files.write_snapshot(directory, last, snapshot.dump(exchange.state))
        return last
