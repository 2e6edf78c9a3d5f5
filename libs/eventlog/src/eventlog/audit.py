"""One pass over all hash chains of a log, with the memory of one event."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from eventlog import rows
from eventlog.chain import GENESIS
from eventlog.database import Connection

PAGE = 1000


@dataclass(frozen=True)
class BadEvent:
    """The first event of a stream that is not what was written: at which version, why, and its place in the feed."""

    stream: str
    version: int
    why: str
    tx: int
    position: int


@dataclass(frozen=True)
class Audit:
    """The outcome of checking every chain; `first_bad` is the earliest bad event of the log, in commit order."""

    streams: int
    events: int
    bad_streams: int
    first_bad: BadEvent | None

    @property
    def intact(self) -> bool:
        """Whether every event carries the hash of its predecessor and its own content."""
        return self.first_bad is None


class _Auditor:
    """Takes the events stream by stream, each in order of version."""

    def __init__(self) -> None:
        self.streams = 0
        self.events = 0
        self.bad_streams = 0
        self.first_bad: BadEvent | None = None
        self._stream: str | None = None
        self._version = 0
        self._hash = GENESIS
        self._bad = False

    def take(self, row: asyncpg.Record) -> None:
        self.events += 1
        if row["originator_id"] != self._stream:
            self.streams += 1
            self._stream, self._version, self._hash, self._bad = row["originator_id"], 0, GENESIS, False
        if self._bad:
            return
        why = self._why_bad(row)
        if why is None:
            self._version, self._hash = row["originator_version"], row["hash"]
            return
        self._bad = True
        self.bad_streams += 1
        bad = BadEvent(row["originator_id"], row["originator_version"], why, row["tx"], row["notification_id"])
        if self.first_bad is None or (bad.tx, bad.position) < (self.first_bad.tx, self.first_bad.position):
            self.first_bad = bad

    def _why_bad(self, row: asyncpg.Record) -> str | None:
        version = row["originator_version"]
        if version != self._version + 1:
            return f"version {self._version + 1} is missing before it"
        if rows.hash_of(row, self._hash) != row["hash"]:
            return "its hash does not fit its content and its predecessor: one of them was changed"
        return None


async def audit(connection: Connection) -> Audit:
    """Check every chain in one snapshot of the log; appends go on beside it."""
    auditor = _Auditor()
    # Read-only, so it gets no transaction id and holds back nobody's feed.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for row in connection.cursor(rows.CHAINS, prefetch=PAGE):
            auditor.take(row)
    return Audit(auditor.streams, auditor.events, auditor.bad_streams, auditor.first_bad)
