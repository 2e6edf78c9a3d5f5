"""The group-commit recorder: one task, one connection; whatever is queued goes in one transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager

import asyncpg
from contracts.rejections import Unavailable

from eventlog import rows
from eventlog.append import Append, Outcome
from eventlog.batch import BatchWriter
from eventlog.database import DRIVER_ERRORS, Connection, is_gone, refusal
from eventlog.errors import VersionConflict
from eventlog.observer import Observer, Unobserved

log = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000
BATCH_LIMIT = 500
TOLD_AT_ONCE = 8
"""Appends of a batch whose callers all hear of it before the next batch is begun. Of more, half of them hear of it after."""
RACES = 4
"""How often a batch is tried when other processes append to its streams at the same time; the first try is on kept heads."""
PATIENCE_SECONDS = 5.0
"""How long an append waits for a database that is away before it is refused."""
SHORTEST_DELAY_SECONDS = 0.02
LONGEST_DELAY_SECONDS = 0.5


class _Caught(AbstractContextManager["_Caught"]):
    """Keeps the error that the block inside ends with. A task would do the same and cost each commit three more turns of a
    loop that may be busy.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        return True


class Recorder:
    """Commits appends in the order they come, many at a time. All methods belong to one event loop."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], writer: BatchWriter, committed: Callable[[], None]
    ) -> None:
        self._connect = connect
        self._writer = writer
        self._committed = committed
        self.observer: Observer = Unobserved()
        self._connected_before = False
        self._queue: deque[Append] = deque()
        self._untold: deque[tuple[Append, Outcome]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._delay = SHORTEST_DELAY_SECONDS
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the writer has a live connection."""
        return self._connection is not None and not self._connection.is_closed()

    def start(self) -> None:
        """Start the writer task."""
        self._task = asyncio.create_task(self._run(), name="event-log-writer")

    async def stop(self) -> None:
        """Commit what is queued, refuse what cannot be committed in time, close the connection."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task})
        self._refuse(self._queue, Unavailable("The database is not available"))
        self._queue.clear()
        await self._close()

    def submit(self, append: Append) -> None:
        """Queue an append; its future gets the outcome. Raises what a view raises, and Unavailable when
        the queue is full or the writer is not running.
        """
        if self._closing or self._task is None or self._task.done():
            msg = "The event log is not running"
            raise Unavailable(msg)
        if len(self._queue) >= QUEUE_LIMIT:
            msg = "Too many appends are waiting"
            raise Unavailable(msg)
        self._writer.prepare(append)
        self._queue.append(append)
        self._wake.set()

    async def _run(self) -> None:
        while self._queue or self._untold or not self._closing:
            connection = self._connection
            if connection is None or connection.is_closed():
                self._tell(len(self._untold))
                await self._reconnect()
            elif batch := self._next_batch():
                await self._write(connection, batch)
            elif self._untold:
                await self._tell_some()
            elif not self._closing:
                self._wake.clear()
                await self._wake.wait()

    async def _tell_some(self) -> None:
        """Tell the callers of a small batch; of a large one half of them, who then bring what the database does meanwhile."""
        waiting = len(self._untold)
        self._tell(waiting if waiting <= TOLD_AT_ONCE else waiting // 2)
        await asyncio.sleep(0)
        if not self._queue:
            self._tell(len(self._untold))

    def _next_batch(self) -> list[Append]:
        batch: list[Append] = []
        events = 0
        while self._queue and events < BATCH_LIMIT:
            append = self._queue.popleft()
            if not append.done.done():  # its caller gave up
                batch.append(append)
                events += 1 + len(append.events)
        return batch

    async def _write(self, connection: Connection, batch: Sequence[Append]) -> None:
        result = await self._attempt(connection, batch)
        if isinstance(result, dict):
            self._settle(result)
        elif isinstance(result, asyncpg.DiskFullError) and not connection.is_closed():
            # The transaction was rolled back. The connection is kept: a server without room may refuse a new one.
            log.warning("event log has no room: %s", result)
            self._refuse(batch, refusal(result))
        elif is_gone(result) or connection.is_closed():
            log.warning("event log lost its database: %s", result)
            await self._close()
            self._refuse(batch, Unavailable("The database went away; whether this was stored is not known"))
        elif len(batch) == 1:
            _fail(batch[0], result)
        else:
            # One of them made the transaction fail: alone, each gets its own outcome.
            for index, append in enumerate(batch):
                if connection.is_closed():
                    self._queue.extendleft(reversed(batch[index:]))
                    return
                await self._write(connection, [append])

    async def _attempt(self, connection: Connection, batch: Sequence[Append]) -> dict[Append, Outcome] | BaseException:
        """The outcomes, or what made the transaction fail. A view's bug is the error of its append, not the writer's end."""
        error: Exception | None = None
        for _ in range(RACES):
            # Runs when the batch was sent: the callers go on while the database stores it.
            asyncio.get_running_loop().call_soon(self._tell, len(self._untold))
            with _Caught() as caught:
                return await self._writer.store(connection, batch)
            error = caught.error
            if error is not None and not _is_race(error):
                return error
        contended = Unavailable("The stream is being written by another process", retry_after=1)
        contended.__cause__ = error
        return contended

    def _settle(self, outcomes: dict[Append, Outcome]) -> None:
        self._untold.extend(outcomes.items())
        stored = [outcome for outcome in outcomes.values() if isinstance(outcome, list)]
        if stored:
            self.observer.committed(len(stored))
        if any(stored):
            self._committed()

    def _tell(self, most: int) -> None:
        """Give up to `most` callers their outcome."""
        for _ in range(min(most, len(self._untold))):
            append, outcome = self._untold.popleft()
            self._report(append, outcome)
            if append.done.done():
                continue
            if isinstance(outcome, list):
                append.done.set_result(outcome)
            else:
                append.done.set_exception(outcome)

    def _report(self, append: Append, outcome: Outcome) -> None:
        if isinstance(outcome, list):
            seconds = time.monotonic() - append.queued_at
            traceparent = append.metadata[0].traceparent if append.metadata else None
            self.observer.appended(append.stream, len(outcome), traceparent, seconds)
        elif isinstance(outcome, VersionConflict):
            self.observer.conflicted()

    async def _reconnect(self) -> None:
        """Connect, or wait a little and refuse the appends that waited too long."""
        try:
            connection = await self._connect()
        except DRIVER_ERRORS as error:
            log.warning("event log cannot reach its database: %s", error)
            self._refuse_overdue(error)
            await asyncio.sleep(self._delay)
            self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)
        else:
            # Also when nothing is queued: readiness should be true again before the next append.
            connection.add_termination_listener(lambda _: self._wake.set())
            self._connection = connection
            self._writer.reconnected()
            self._delay = SHORTEST_DELAY_SECONDS
            if self._connected_before:
                self.observer.reconnected()
            self._connected_before = True

    def _refuse_overdue(self, error: BaseException) -> None:
        due = time.monotonic() - PATIENCE_SECONDS
        overdue = [append for append in self._queue if append.queued_at < due]
        self._refuse(overdue, refusal(error))
        self._queue = deque(append for append in self._queue if append.queued_at >= due)

    def _refuse(self, appends: Sequence[Append] | deque[Append], why: Unavailable) -> None:
        for append in appends:
            _fail(append, why)

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._closing and not connection.is_closed():
            await connection.close(timeout=1)
        else:
            connection.terminate()


def _fail(append: Append, error: BaseException) -> None:
    if not append.done.done():
        append.done.set_exception(error)


def _is_race(error: BaseException) -> bool:
    """Another process touched the same rows at the same time; trying again tells who lost."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return bool(error.constraint_name == rows.PLACE)
    return isinstance(error, asyncpg.TransactionRollbackError)  # deadlock, serialisation
