"""One Parquet file of closed candles: rows in the order of time, and in its metadata which spans of time it has completely."""

from __future__ import annotations

import fcntl
import importlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from market_data.adapters.candle import COLUMNS, Row, Span

logger = logging.getLogger(__name__)

COVERED = "hummingbus.covered"

GROUP = 5_000
"""Candles that are compressed together, so that a page is read without the rest of its month."""


def coverage(file: Path) -> list[Span]:
    """The complete spans of a file; none when there is no file. PolarsError when it cannot be read."""
    try:
        metadata = polars().read_parquet_metadata(file)
    except FileNotFoundError:
        return []
    return [(int(start), int(end)) for start, end in json.loads(metadata.get(COVERED, "[]"))]


def candles(file: Path, span: Span) -> Any:
    """A frame of the candles that open in the span; PolarsError when the file cannot be read."""
    try:
        return scan([file], span).collect()
    except FileNotFoundError:
        return frame([])


def scan(files: Sequence[Path], span: Span) -> Any:
    """The same of several files, read when it is needed."""
    return polars().scan_parquet(files).filter(_inside(span))


def frame(rows: Sequence[Row]) -> Any:
    """Candles as a frame."""
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return polars().DataFrame([polars().Series(name, values, _float()) for name, values in zip(COLUMNS, columns, strict=True)])


def within(whole: Any, spans: Sequence[Span]) -> Any:
    """The candles of a frame that open in one of the spans."""
    return whole.filter(polars().any_horizontal([polars().lit(value=False), *map(_inside, spans)]))


def without(whole: Any, spans: Sequence[Span]) -> Any:
    """The candles of a frame that open in none of the spans."""
    return whole.filter(~polars().any_horizontal([polars().lit(value=False), *map(_inside, spans)]))


def united(frames: Sequence[Any]) -> Any:
    """Frames as one, in the order of time; of two candles that open at the same time the later frame's."""
    return polars().concat(frames).unique("timestamp", keep="last").sort("timestamp")


def write(file: Path, whole: Any, covered: Sequence[Span]) -> None:
    """Put a file in place of what was there, at once and for good; hold the lock of its folder."""
    for left in file.parent.glob(".*.partial"):
        # Of a process that died while it wrote: the lock is ours.
        left.unlink()
    partial = file.with_name(f".{file.name}.partial")
    write_to(partial, whole, covered)
    partial.rename(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_to(partial: Path, whole: Any, covered: Sequence[Span]) -> None:
    """Write a file where nobody looks for it; it is on the disk when this returns."""
    with partial.open("wb") as target:
        whole.write_parquet(target, metadata={COVERED: json.dumps(covered)}, row_group_size=GROUP)
        target.flush()
        os.fsync(target.fileno())


def put_aside_damaged(file: Path) -> None:
    """Rename a file that cannot be read, if it is one; hold the lock of its folder."""
    try:
        polars().read_parquet(file)
    except FileNotFoundError:
        return
    except polars().exceptions.PolarsError as error:
        logger.error("candle file %s cannot be read and is fetched anew: %s", file, error)
        file.rename(file.with_suffix(".damaged"))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a folder, among all processes that share it."""
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def polars() -> Any:
    """The library, imported when candles are read or written first, with few threads: files are small."""
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    return importlib.import_module("polars")


def _inside(span: Span) -> Any:
    return polars().col("timestamp").is_between(*span, closed="left")


def _float() -> Any:
    return polars().Float64
