"""The files of the journal: segments of checked lines, and one snapshot that stands for older segments.

A line is `<crc32> <json>`; one line is everything one command did, so a torn write never leaves half a command.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

SNAPSHOT = "snapshot.jsonl"
PRIVATE = 0o600


class JournalBroken(Exception):
    """The journal holds something it never wrote, other than a torn last line."""


def encode(record: Mapping[str, object]) -> bytes:
    """A record as a line with its checksum."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(body), body)


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of a line, or None when the line is not whole."""
    if len(line) < 10 or not line.endswith(b"\n"):
        return None
    body = line[9:-1]
    if line[:8] != b"%08x" % crc32(body):
        return None
    record: dict[str, Any] = json.loads(body)
    return record


def segments(directory: Path) -> list[Path]:
    """The journal's segments, oldest first; the name holds the number of the first record."""
    return sorted(directory.glob("journal-*.log"))


def segment_path(directory: Path, first: int) -> Path:
    """Where the segment that starts with record `first` is."""
    return directory / f"journal-{first:015d}.log"


def first_number(segment: Path) -> int:
    """The number of a segment's first record."""
    return int(segment.stem.removeprefix("journal-"))


def read_segment(path: Path, *, is_last: bool) -> Iterator[dict[str, Any]]:
    """The records of a segment. A torn last line of the last segment is cut off. Raises JournalBroken otherwise."""
    good = 0
    with path.open("rb") as file:
        lines = iter(file)
        for line in lines:
            record = decode(line)
            if record is None:
                if not is_last or next(lines, None) is not None:
                    raise JournalBroken(f"{path} is damaged at byte {good}.")
                break
            good += len(line)
            yield record
    if is_last and good < path.stat().st_size:
        os.truncate(path, good)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the files hold: the snapshot up to record number `last`, and the records after it. Both are read once."""

    last: int
    snapshot: Iterator[dict[str, Any]]
    records: Iterator[dict[str, Any]]


def read(directory: Path, found: Sequence[Path], *, live: bool) -> Stored:
    """The snapshot and the given segments. `live` says that the last of them is still being written to."""
    path = directory / SNAPSHOT
    if not path.exists():
        return Stored(0, iter(()), _following(0, found, live=live))
    lines = _snapshot_lines(path)
    last = int(next(lines)["last"])
    return Stored(last, lines, _following(last, found, live=live))


def _following(last: int, found: Sequence[Path], *, live: bool) -> Iterator[dict[str, Any]]:
    for segment in found:
        for record in read_segment(segment, is_last=live and segment == found[-1]):
            if record["n"] <= last:
                continue
            if record["n"] != last + 1:
                raise JournalBroken(f"Record {last + 1} is missing before {segment}.")
            last += 1
            yield record


def _snapshot_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            record = decode(line)
            if record is None:
                raise JournalBroken(f"{path} is damaged.")
            yield record


def write_snapshot(directory: Path, last: int, records: Iterable[Mapping[str, object]]) -> None:
    """Put a new snapshot in place of the old one, atomically, and remove the segments it stands for."""
    draft = directory / f"{SNAPSHOT}.draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
        file.write(encode({"last": last}))
        file.writelines(encode(record) for record in records)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(directory / SNAPSHOT)
    sync_directory(directory)
    kept = segments(directory)
    for segment, following in pairwise(kept):
        if first_number(following) <= last + 1:
            segment.unlink()


def open_segment(directory: Path, first: int) -> int:
    """A file descriptor to append to the segment that starts with record `first`."""
    descriptor = os.open(segment_path(directory, first), os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
    sync_directory(directory)
    return descriptor


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed files durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def compaction_lock(directory: Path) -> Iterator[None]:
    """Wait until nobody replaces the snapshot, and keep it so: an orphaned compaction may outlive a killed exchange."""
    descriptor = os.open(directory / "compaction.lock", os.O_WRONLY | os.O_CREAT, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
