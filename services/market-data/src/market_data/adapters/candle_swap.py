"""Several files of one series replaced together: all are written beside the old ones before the first takes its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from market_data.adapters import candle_file
from market_data.adapters.candle import COLUMNS, Row, Span
from market_data.adapters.candle_store import EVER, United


class Swap:
    """Holds the folder's lock from entering to leaving; unless `commit` was called, nothing has changed then."""

    def __init__(self, folder: Path, united: United) -> None:
        """No I/O."""
        self._folder = folder
        self._united = united
        self._lock = candle_file.locked(folder)
        self._written: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for written in self._written.values():
            written.unlink(missing_ok=True)
        self._lock.__exit__(kind, error, trace)

    def write(self, name: str, rows: Sequence[Row], spans: Iterable[Span]) -> list[int]:
        """Write one file anew, with these candles of these spans in place of its own; the times at which it had others."""
        file, covered = self._folder / f"{name}.parquet", list(spans)
        candle_file.put_aside_damaged(file)
        kept, new = candle_file.candles(file, EVER), candle_file.frame(rows)
        whole = candle_file.united([candle_file.without(kept, covered), new])
        written = file.with_name(f".{name}.partial")
        candle_file.write_to(written, whole, self._united([*candle_file.coverage(file), *covered]))
        self._written[file] = written
        return _differing(kept, new)

    def commit(self) -> None:
        """Let the new files take their places. A machine that fails in between leaves whole files, old or new."""
        for file, written in list(self._written.items()):
            written.rename(file)
            del self._written[file]
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _differing(kept: Any, new: Any) -> list[int]:
    """When candles open that both have and that are not the same."""
    values = candle_file.polars().struct(COLUMNS[1:]).alias("theirs")
    both = kept.fill_nan(None).join(new.fill_nan(None).select(COLUMNS[0], values), on=COLUMNS[0])
    differing = candle_file.polars().struct(COLUMNS[1:]).ne_missing(candle_file.polars().col("theirs"))
    return [int(time) for time in both.filter(differing)[COLUMNS[0]].sort()]
