"""The newest version and hash of streams: kept from this writer's own commits where that is safe, read otherwise.

A head is used unread only for an append that the table itself refuses when the head is wrong: one that brings the next
version, whose place another process has then taken (`rows.PLACE`). That refusal costs the whole batch another try, so after
one, heads are read for a while.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from eventlog import rows
from eventlog.append import Append
from eventlog.chain import GENESIS
from eventlog.chained import Head
from eventlog.database import Connection

BEGINNING: Head = (0, GENESIS)
"""The head of a stream without events."""

LIMIT = 10_000
"""Streams whose heads are kept; those appended to longest ago go first."""
WARY_BATCHES = 100
"""Batches whose heads are all read after one that failed."""


class Heads:
    """The heads that one writer knows. They hold as long as its connection."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Head] = OrderedDict()
        self._wary = 0

    async def of(self, connection: Connection, batch: Sequence[Append]) -> dict[str, Head]:
        """The head of every stream of a batch that has one."""
        heads = {} if self._wary else self._unread(batch)
        self._wary = max(0, self._wary - 1)
        missing = list({append.stream for append in batch} - heads.keys())
        if missing:
            found = await connection.fetch(rows.HEADS, missing)
            heads.update({stream: (version, hash_) for stream, version, hash_ in found})
        return heads

    def expected(self, append: Append) -> Head | None:
        """The head that an append expects, if it is kept or the beginning; it may not be the stream's."""
        head = BEGINNING if append.expected == 0 else self._kept.get(append.stream)
        return head if head is not None and head[0] == append.expected else None

    def keep(self, streams: Iterable[str], heads: Mapping[str, Head]) -> None:
        """Remember the heads of streams that were just committed."""
        for stream in streams:
            self._kept[stream] = heads[stream]
            self._kept.move_to_end(stream)
        while len(self._kept) > LIMIT:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Forget everything: after another connection the database may be an older one, restored or failed over to."""
        self._kept.clear()

    def doubt(self) -> None:
        """Forget everything, and read for a while: a batch failed, and its heads may be why."""
        self.forget()
        self._wary = WARY_BATCHES

    def _unread(self, batch: Sequence[Append]) -> dict[str, Head]:
        heads: dict[str, Head] = {}
        appends = Counter(append.stream for append in batch)
        for append in batch:
            # Of two appends to a stream one is refused or judged by the other's outcome, which the table does not check.
            if append.events and appends[append.stream] == 1 and (head := self.expected(append)) is not None:
                heads[append.stream] = head
        return heads
