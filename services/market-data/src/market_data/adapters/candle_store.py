"""Closed candles in Parquet files, one for each connector, pair, interval and day, month or year.

A file carries in its metadata which spans of time it has completely, so that data and coverage are replaced together: by a
rename, under a lock that processes sharing the directory respect. A file that cannot be read is put aside and fetched anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from contracts.rejections import Unavailable

from market_data.adapters import candle_file
from market_data.adapters.candle import CandlesDamaged, Row, Series, Span

type Partitions = Callable[[str, Span], Sequence[tuple[str, Span]]]
type United = Callable[[Iterable[Span]], Sequence[Span]]

FOLDERS = {"1M": "1month"}
"""Where a folder's name would differ from another's by its case only."""

EVER = (0, 2**53)
"""Whole numbers that a float has exactly."""


class ParquetCandles:
    """The CandleStore in a directory. Reading and writing happen in threads."""

    def __init__(self, directory: Path, partitions: Partitions, united: United) -> None:
        """No I/O. `partitions` names the files of a span of an interval, `united` gives spans as few."""
        self._directory = directory
        self._partitions = partitions
        self._united = united

    async def covered(self, series: Series, span: Span) -> list[Span]:
        """The parts of the span that are complete."""
        return await _threaded(lambda: self.coverage(series, span))

    async def add(self, series: Series, rows: Sequence[Row], spans: Sequence[Span]) -> None:
        """Keep the candles of these spans, in place of those that were there."""
        await _threaded(lambda: self._add(series, rows, spans))

    async def rows(self, series: Series, span: Span) -> list[Row]:
        """What is kept of the span."""
        return await _threaded(lambda: list(self._frame(series, span).rows()))

    async def json(self, series: Series, span: Span) -> bytes:
        """The same as JSON."""
        return await _threaded(lambda: str(self._frame(series, span).write_json()).encode())

    async def opens(self, series: Series, span: Span) -> list[int]:
        """When the candles kept of the span open."""
        return await _threaded(lambda: [int(row[0]) for row in self._frame(series, span).select("timestamp").rows()])

    async def kept(self) -> list[tuple[Series, int]]:
        """All series of which something is kept, with the bytes of their files."""
        return await _threaded(self._kept)

    def folder(self, series: Series) -> Path:
        """Where the files of a series are, or would be."""
        interval = FOLDERS.get(series.interval, series.interval)
        return self._directory / series.connector / series.trading_pair / interval

    def coverage(self, series: Series, span: Span) -> list[Span]:
        """As `covered`, in the calling thread."""
        files = [self._file(series, name) for name, _ in self._partitions(series.interval, span)]
        return list(self._united(found for file in files for found in _coverage(file)))

    def _add(self, series: Series, rows: Sequence[Row], spans: Sequence[Span]) -> None:
        parts: dict[str, list[Span]] = {}
        for span in self._united(spans):
            for name, part in self._partitions(series.interval, span):
                parts.setdefault(name, []).append(part)
        new = candle_file.frame(rows)
        for name, inside in parts.items():
            file = self._file(series, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            with candle_file.locked(file.parent):
                candle_file.put_aside_damaged(file)
                kept = candle_file.without(candle_file.candles(file, EVER), inside)
                whole = candle_file.united([kept, candle_file.within(new, inside)])
                candle_file.write(file, whole, self._united([*candle_file.coverage(file), *inside]))

    def _frame(self, series: Series, span: Span) -> Any:
        files = [self._file(series, name) for name, _ in self._partitions(series.interval, span)]
        return candle_file.polars().concat([candle_file.frame([]), *(_candles(file, span) for file in files)])

    def _kept(self) -> list[tuple[Series, int]]:
        names = {folder: interval for interval, folder in FOLDERS.items()}
        found = []
        for folder in sorted(path for path in self._directory.glob("*/*/*") if path.is_dir()):
            size = sum(file.stat().st_size for file in folder.glob("*.parquet"))
            if size:
                interval = names.get(folder.name, folder.name)
                found.append((Series(folder.parent.parent.name, folder.parent.name, interval), size))
        return found

    def _file(self, series: Series, name: str) -> Path:
        return self.folder(series) / f"{name}.parquet"


def _coverage(file: Path) -> list[Span]:
    try:
        return candle_file.coverage(file)
    except candle_file.polars().exceptions.PolarsError:
        _repair(file)
        return []


def _candles(file: Path, span: Span) -> Any:
    try:
        return candle_file.candles(file, span)
    except candle_file.polars().exceptions.PolarsError as error:
        # Not answered as if the exchange had nothing there: the file may say that it is complete.
        _repair(file)
        msg = f"The candle file {file.name} could not be read; its candles are fetched anew"
        raise CandlesDamaged(msg) from error


def _repair(file: Path) -> None:
    with candle_file.locked(file.parent):
        # Another process may have put it aside and written a good one meanwhile.
        candle_file.put_aside_damaged(file)


async def _threaded[T](work: Callable[[], T]) -> T:
    """The result of work in a thread. A disk that fails is Unavailable, with the system's reason."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        msg = f"The candle store cannot be read or written: {error.strerror or error}"
        raise Unavailable(msg, retry_after=5) from error
