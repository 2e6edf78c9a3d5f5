"""Captures what is logged while an executor runs: the engine's lines and ours, into the executor's own log."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

from trading.views.executor_logs import Line, keep_lines
from trading.views.paging import Rows

SOURCES = ("hummingbot.strategy_v2", "trading.handlers")
LONGEST_TEXT = 4000
WAITING = 20_000
"""Lines kept while the database is away; the oldest are dropped."""

_current: ContextVar[str | None] = ContextVar("executor", default=None)


@contextlib.contextmanager
def logged_as(executor_id: str) -> Iterator[None]:
    """What is logged within, and by tasks started within, belongs to this executor."""
    token = _current.set(executor_id)
    try:
        yield
    finally:
        _current.reset(token)


class ExecutorLog(logging.Handler):
    """Collects lines of executors; `write` stores them in one batch."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(logging.INFO)
        self._rows = rows
        self._lines: deque[Line] = deque(maxlen=WAITING)

    async def attach(self) -> None:
        """Listen from now on."""
        for name in SOURCES:
            logging.getLogger(name).addHandler(self)

    async def detach(self) -> None:
        """Listen no more."""
        for name in SOURCES:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line that was logged while an executor ran."""
        executor_id = _current.get()
        if executor_id is None:
            return
        traceback = None if record.exc_info is None else logging.Formatter().formatException(record.exc_info)
        line = Line(
            executor_id,
            datetime.fromtimestamp(record.created, UTC),
            record.levelname,
            _storable(record.getMessage()),
            None if traceback is None else _storable(traceback),
        )
        self._lines.append(line)

    async def write(self) -> None:
        """Store what was collected. Raises Unavailable; the lines are kept for the next time."""
        lines = list(self._lines)
        if lines:
            self._lines.clear()
            stored = False
            try:
                await keep_lines(self._rows, lines)
                stored = True
            finally:
                if not stored:
                    self._lines.extendleft(reversed(lines))


def _storable(text: str) -> str:
    """Text that Postgres holds, not longer than LONGEST_TEXT; of a long one the end is kept."""
    return text.replace("\0", "").encode(errors="replace").decode()[-LONGEST_TEXT:]
