"""Closed candles in Parquet files, one for each connector, pair, interval and day, month or year.

A file carries in its metadata which spans of time it has completely, so that data and coverage are replaced together: by a
rename, under a lock that processes sharing the directory respect. A file that cannot be read is put aside and fetched anew.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from market_data.adapters.candle import COLUMNS, Row, Series, Span

logger = logging.getLogger(__name__)

type Partitions = Callable[[str, Span], Sequence[tuple[str, Span]]]
type United = Callable[[Iterable[Span]], Sequence[Span]]

COVERED = "hummingbus.covered"
FOLDERS = {"1M": "1month"}
"""Where a folder's name would differ from another's by its case only."""


class ParquetCandles:
    """The CandleStore in a directory. Reading and writing happen in threads."""

    def __init__(self, directory: Path, partitions: Partitions, united: United) -> None:
        """No I/O. `partitions` names the files of a span of an interval, `united` gives spans as few."""
        self._directory = directory
        self._partitions = partitions
        self._united = united

    async def covered(self, series: Series, span: Span) -> list[Span]:
        """The parts of the span that are complete."""
        return await asyncio.to_thread(self._covered, series, span)

    async def add(self, series: Series, rows: Sequence[Row], spans: Sequence[Span]) -> None:
        """Keep the candles of these spans, in place of those that were there."""
        await asyncio.to_thread(self._add, series, rows, spans)

    async def rows(self, series: Series, span: Span) -> list[Row]:
        """What is kept of the span."""
        return await asyncio.to_thread(lambda: list(self._frame(series, span).rows()))

    async def json(self, series: Series, span: Span) -> bytes:
        """The same as JSON."""
        return await asyncio.to_thread(lambda: str(self._frame(series, span).write_json()).encode())

    async def opens(self, series: Series, span: Span) -> list[int]:
        """When the candles kept of the span open."""
        return await asyncio.to_thread(lambda: [int(row[0]) for row in self._frame(series, span).select("timestamp").rows()])

    async def kept(self) -> list[tuple[Series, int]]:
        """All series of which something is kept, with the bytes of their files."""
        return await asyncio.to_thread(self._kept)

    def _covered(self, series: Series, span: Span) -> list[Span]:
        files = [self._file(series, name) for name, _ in self._partitions(series.interval, span)]
        return list(self._united(found for file in files for found in _coverage(file)))

    def _add(self, series: Series, rows: Sequence[Row], spans: Sequence[Span]) -> None:
        parts: dict[str, list[Span]] = {}
        for span in self._united(spans):
            for name, part in self._partitions(series.interval, span):
                parts.setdefault(name, []).append(part)
        for name, inside in parts.items():
            file = self._file(series, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            with _locked(file.parent):
                wanted = [row for row in rows if any(start <= row[0] < end for start, end in inside)]
                _replace(file, wanted, inside, self._united([*_coverage(file), *inside]))

    def _frame(self, series: Series, span: Span) -> Any:
        polars = _polars()
        files = [self._file(series, name) for name, _ in self._partitions(series.interval, span)]
        frames = [_read(file) for file in files if file.exists()]
        whole = polars.concat(frames) if frames else _empty()
        start, end = span
        return whole.filter((polars.col("timestamp") >= start) & (polars.col("timestamp") < end))

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
        interval = FOLDERS.get(series.interval, series.interval)
        return self._directory / series.connector / series.trading_pair / interval / f"{name}.parquet"


def _replace(file: Path, rows: Sequence[Row], spans: Sequence[Span], covered: Sequence[Span]) -> None:
    polars = _polars()
    kept = _read(file)
    for start, end in spans:
        kept = kept.filter((polars.col("timestamp") < start) | (polars.col("timestamp") >= end))
    new = polars.DataFrame(rows, schema=_schema(), orient="row") if rows else _empty()
    whole = polars.concat([kept, new]).unique("timestamp", keep="last").sort("timestamp")
    for left in file.parent.glob(".*.partial"):
        # Of a process that died while it wrote: the lock is ours.
        left.unlink()
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("wb") as target:
        whole.write_parquet(target, metadata={COVERED: json.dumps(covered)})
        target.flush()
        os.fsync(target.fileno())
    partial.rename(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _coverage(file: Path) -> list[Span]:
    """The complete spans of a file; none when there is no file, or none that can be read."""
    if not file.exists():
        return []
    try:
        metadata = _polars().read_parquet_metadata(file)
    except _polars().exceptions.PolarsError as error:
        _put_aside(file, error)
        return []
    return [(int(start), int(end)) for start, end in json.loads(metadata.get(COVERED, "[]"))]


def _read(file: Path) -> Any:
    if not file.exists():
        return _empty()
    try:
        return _polars().read_parquet(file)
    except _polars().exceptions.PolarsError as error:
        _put_aside(file, error)
        return _empty()


def _put_aside(file: Path, error: Exception) -> None:
    logger.error("candle file %s cannot be read and is fetched anew: %s", file, error)
    file.rename(file.with_suffix(".damaged"))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _schema() -> dict[str, Any]:
    return dict.fromkeys(COLUMNS, _polars().Float64)


def _empty() -> Any:
    return _polars().DataFrame(schema=_schema())


def _polars() -> Any:
    """The library, imported when candles are read or written first, with few threads: files are small."""
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    return importlib.import_module("polars")
