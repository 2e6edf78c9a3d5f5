"""Reads of streams, many in one query: while one query is under way, the next reads gather."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
from contracts.rejections import Unavailable

from eventlog import rows
from eventlog.database import DRIVER_ERRORS

BATCH_LIMIT = 200


@dataclass(slots=True, eq=False)
class _Read:
    stream: str
    after: int
    done: asyncio.Future[list[asyncpg.Record]]
    found: list[asyncpg.Record] = field(default_factory=list)


class StreamReader:
    """Coalesces reads that are asked for at the same time. `fetch` runs a query and raises Unavailable without database."""

    def __init__(self, fetch: Callable[..., Awaitable[list[asyncpg.Record]]]) -> None:
        self._fetch = fetch
        self._waiting: list[_Read] = []
        self._task: asyncio.Task[None] | None = None

    async def read(self, stream: str, after: int) -> list[asyncpg.Record]:
        """The rows of a stream with a version above `after`, in order."""
        read = _Read(stream, after, asyncio.get_running_loop().create_future())
        self._waiting.append(read)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="event-log-reader")
        return await read.done

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_LIMIT], self._waiting[BATCH_LIMIT:]
            try:
                found = await self._fetch(rows.OF_STREAMS, [one.stream for one in batch], [one.after for one in batch])
            except (Unavailable, *DRIVER_ERRORS) as error:
                _fail(batch, error)
                continue
            for row in found:
                batch[row["place"] - 1].found.append(row)
            for one in batch:
                if not one.done.done():
                    one.done.set_result(one.found)


def _fail(batch: list[_Read], error: Exception) -> None:
    for one in batch:
        if not one.done.done():
            # Each its own: raising one exception in several tasks would mix their tracebacks.
            one.done.set_exception(Unavailable(error.detail) if isinstance(error, Unavailable) else error)
