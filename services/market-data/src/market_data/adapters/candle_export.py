"""Candles of the store in one CSV or Parquet file; times as whole Unix seconds, what is not known left empty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from market_data.adapters import candle_file
from market_data.adapters.candle import Span
from market_data.adapters.candle_rows import FileUnusable


def export(files: Sequence[Path], target: Path, span: Span) -> list[int]:
    """Write the candles of a span; when they open. Raises FileUnusable for a target that cannot be, PolarsError, OSError.

    The target appears when it is complete; without candles there is none. One file of the store is in memory at a time.
    """
    if target.suffix.lower() not in {".csv", ".parquet"}:
        msg = f"{target}: must end with .csv or .parquet"
        raise FileUnusable(msg)
    partial = target.with_name(f".{target.name}.partial")
    try:
        opens = (_parquet if target.suffix.lower() == ".parquet" else _csv)(files, partial, span)
        if opens:
            partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return opens


def _csv(files: Sequence[Path], partial: Path, span: Span) -> list[int]:
    opens: list[int] = []
    with partial.open("wb") as out:
        out.write(candle_file.frame([]).write_csv().encode())
        for file in files:
            found = _plain(candle_file.candles(file, span))
            found.write_csv(out, include_header=False)
            opens += found["timestamp"].to_list()
    return opens


def _parquet(files: Sequence[Path], partial: Path, span: Span) -> list[int]:
    if not files:
        return []
    _plain(candle_file.scan(files, span)).sink_parquet(partial, row_group_size=candle_file.GROUP)
    return list(candle_file.polars().read_parquet(partial, columns=["timestamp"])["timestamp"])


def _plain(candles: Any) -> Any:
    """A time as a whole number, NaN as nothing."""
    polars = candle_file.polars()
    return candles.fill_nan(None).with_columns(polars.col("timestamp").cast(polars.Int64))
