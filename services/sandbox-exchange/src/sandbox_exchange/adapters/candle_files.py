"""Candle files to replay: CSV with a header of timestamp, open, high, low, close, volume."""

from __future__ import annotations

import csv
from pathlib import Path

MILLISECONDS_FROM = 10**11


type Row = tuple[int, float, float, float, float, float]


def read_candles(path: Path) -> list[Row]:
    """The candles of a file as second, open, high, low, close, volume. Raises OSError, KeyError or ValueError."""
    with path.open(newline="") as file:
        return [_candle(row) for row in csv.DictReader(file)]


def _candle(row: dict[str, str]) -> Row:
    time = int(float(row["timestamp"]))
    return (
        time // 1000 if time >= MILLISECONDS_FROM else time,
        float(row["open"]),
        float(row["high"]),
        float(row["low"]),
        float(row["close"]),
        float(row["volume"]),
    )


def replays(setting: str) -> dict[str, list[Row]]:
    """Candles by symbol, from a comma list of `BASE-QUOTE=file.csv`. Raises ValueError when it is not one."""
    result = {}
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        pair, separator, path = entry.partition("=")
        if not separator:
            raise ValueError(f"{entry!r} is not of the form BASE-QUOTE=file.csv.")
        result[pair.replace("-", "").upper()] = read_candles(Path(path))
    return result
