"""Candles from files into the store, and out of it into files: for operators, beside the running service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from market_data.adapters.candle import COLUMNS, Row, Series
from market_data.adapters.candle_export import export
from market_data.adapters.candle_rows import CellUnusable, FileUnusable, rows
from market_data.adapters.candle_rules import Broken, broken, gap, misplaced, shortest
from market_data.adapters.candle_store import ParquetCandles
from market_data.adapters.candle_swap import Swap
from market_data.domain.spans import Span, closed_before, gaps, partition, united, without

TOLD = 50
"""Bad rows, gaps and differing candles told one by one; of all others only how many there are."""


@dataclass
class Judged:
    """What a file's rows are like so far."""

    rows: int = 0
    bad: int = 0
    bad_rows: list[dict[str, Any]] = field(default_factory=list)
    gaps: int = 0
    gap_spans: list[dict[str, int]] = field(default_factory=list)
    first: int | None = None
    last: int | None = None

    def refuse(self, number: int, broken: Broken | None) -> None:
        """Count a bad row."""
        self.bad += 1
        if broken is not None and len(self.bad_rows) < TOLD:
            self.bad_rows.append({"row": number, "column": broken[0], "rule": broken[1]})

    def take(self, opened: int, missing: Span | None) -> None:
        """Count a good row, and the gap before it."""
        self.first = opened if self.first is None else self.first
        self.last = opened
        self.rows += 1
        if missing is not None:
            self.gaps += 1
            if len(self.gap_spans) < TOLD:
                self.gap_spans.append({"start": missing[0], "end": missing[1]})


class CandleFiles:
    """Reads and writes files in pieces: a part of the store (a day, a month or a year) is in memory at a time."""

    def __init__(self, store: ParquetCandles, now: Callable[[], float] = time.time) -> None:
        """No I/O."""
        self._store = store
        self._now = now

    def take_in(self, series: Series, file: Path, *, replace: bool = False) -> dict[str, Any]:
        """Import a file: all of it, or nothing when a row breaks a rule or differs from what the store has.

        With `replace` candles that differ are replaced. Raises FileUnusable.
        """
        judged, differing, first_differing = Judged(), 0, list[int]()
        with Swap(self._store.folder(series), united) as swap:
            for name, part in _parts(series.interval, self._good(series.interval, rows(file), judged)):
                if not judged.bad:
                    found = swap.write(name, part, _runs(series.interval, part))
                    differing += len(found)
                    first_differing += found[: TOLD - len(first_differing)]
            if not judged.rows and not judged.bad:
                msg = f"{file}: holds no candles"
                raise FileUnusable(msg)
            imported = not judged.bad and (replace or not differing)
            if imported:
                swap.commit()
        return {"imported": imported, **vars(judged), "differing": differing, "differing_times": first_differing}

    def give_out(self, series: Series, file: Path, span: Span) -> dict[str, Any]:
        """Export what the store has of a span; what it cannot vouch for is told. Raises FileUnusable, PolarsError."""
        files = sorted(self._store.folder(series).glob("*.parquet"))
        opens = export(files, file, span)
        if not opens:
            msg = f"The store has no {series.interval} candles of {series.trading_pair} on {series.connector} there"
            raise FileUnusable(msg)
        kept = opens[0], opens[-1] + 1
        covered = self._store.coverage(series, kept)
        return {
            "candles": len(opens),
            "first": opens[0],
            "last": opens[-1],
            "gaps": [{"start": start, "end": end} for start, end in gaps(opens, covered, series.interval)],
            "not_fetched": [{"start": start, "end": end} for start, end in without(kept, covered)],
        }

    def _good(self, interval: str, given: Iterator[tuple[int, Row | CellUnusable]], judged: Judged) -> Iterator[Row]:
        """The good rows; what is wrong is noted in `judged`."""
        limit = closed_before(interval, int(self._now()))
        before: int | None = None
        for number, row in given:
            if isinstance(row, CellUnusable):
                judged.refuse(number, (row.column, row.rule))
                # What follows a bad row is not after a gap because of it.
                before = None
                continue
            opened = int(row[0])
            own, among = broken(COLUMNS, row, interval, limit), misplaced(COLUMNS[0], opened, before, interval)
            if own is not None or among is not None:
                judged.refuse(number, own or among)
                before = None if own is not None else before
                continue
            judged.take(opened, gap(opened, before, interval))
            before = opened
            yield row


def _parts(interval: str, given: Iterator[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows by the part of the store they belong to."""
    part: list[Row] = []
    name, end = "", 0
    for row in given:
        if row[0] >= end:
            if part:
                yield name, part
            name, (_, end) = partition(interval, int(row[0]))
            part = []
        part.append(row)
    if part:
        yield name, part


def _runs(interval: str, part: list[Row]) -> list[Span]:
    """The spans in which the rows follow each other without a gap: only there nothing is left to be fetched."""
    found: list[Span] = []
    end = partition(interval, int(part[0][0]))[1][1]
    start = before = int(part[0][0])
    for row in part[1:]:
        opened = int(row[0])
        if gap(opened, before, interval) is not None:
            found.append((start, before + shortest(interval)))
            start = opened
        before = opened
    return [*found, (start, min(before + shortest(interval), end))]
