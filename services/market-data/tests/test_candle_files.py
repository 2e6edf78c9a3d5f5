"""Candles into files and back: exact, all or nothing, and whatever is wrong with a file is told by row."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars
import pytest
from exchange_of_candles import STEP, candle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_data.adapters import candle_file
from market_data.adapters.candle import COLUMNS, Row, Series, Span
from market_data.adapters.candle_rows import FileUnusable
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import partitions, united
from market_data.handlers.candle_files import CandleFiles

SERIES, OTHER = Series("known", "BTC-USDT", "1m"), Series("known", "ETH-USDT", "1m")
START = 1_698_796_800 - 3 * STEP
"""Three minutes before a month begins: files of candles from here touch two files of the store."""

SPAN = (START - 86400, START + 86400)
HEAD = ",".join(COLUMNS[:6])


def store(directory: Path) -> ParquetCandles:
    return ParquetCandles(directory, partitions, united)


def files(directory: Path) -> CandleFiles:
    return CandleFiles(store(directory))


def written(file: Path, *lines: str, head: str = HEAD) -> Path:
    file.write_text("\n".join((head, *lines)) + "\n")
    return file


def line(opened: float | str, *values: Any) -> str:
    return ",".join(str(value) for value in (opened, *(values or (2, 3, 1, 2.5, 10))))


prices = st.floats(1e-12, 1e15, allow_nan=False, allow_infinity=False)
amounts = st.floats(0, 1e15, allow_nan=False)
known_or_not = st.one_of(st.just(math.nan), amounts)


@st.composite
def one_row(draw: st.DrawFn) -> tuple[float, ...]:
    low, *between, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    first, last = draw(st.permutations(between))
    return (first, high, low, last, draw(amounts), *(draw(known_or_not) for _ in range(4)))


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    minutes = sorted(draw(st.sets(st.integers(0, 12), min_size=1)))
    return [(float(START + minute * STEP), *draw(one_row())) for minute in minutes]


def same(one: Sequence[Row], other: Sequence[Row]) -> bool:
    return repr(one) == repr(other)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=histories())
async def test_what_is_exported_is_imported_to_the_last_digit(ending: str, rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as name:
        kept, file = store(Path(name) / "store"), Path(name) / f"candles.{ending}"
        await kept.add(SERIES, rows, [(START, START + 13 * STEP)])
        told = files(Path(name) / "store").give_out(SERIES, file, SPAN)
        assert (told["candles"], told["first"], told["last"]) == (len(rows), rows[0][0], rows[-1][0])
        assert told["not_fetched"] == []
        taken = files(Path(name) / "store").take_in(OTHER, file)
        assert (taken["imported"], taken["rows"], taken["gaps"]) == (True, len(rows), len(told["gaps"])), taken
        assert taken["gap_spans"] == told["gaps"]
        assert same(await kept.rows(OTHER, SPAN), rows)
        for row in rows:
            opened = int(row[0])
            assert await kept.covered(OTHER, (opened, opened + STEP)), "a candle that was imported is not asked for again"
        for gap in told["gaps"]:
            inside = (gap["start"], gap["end"])
            covered = await kept.covered(OTHER, inside)
            assert not any(start < inside[1] and inside[0] < end for start, end in covered), "a gap of a file proves nothing"
        again = files(Path(name) / "store").take_in(OTHER, file)
        assert (again["imported"], again["differing"]) == (True, 0)


@pytest.mark.parametrize(
    ("bad", "column", "rule"),
    [
        (line(START + STEP, "=1+1", 3, 1, 2, 1), "open", "must be a decimal number"),
        (line(START + STEP, "1_0", 30, 1, 2, 1), "open", "must be a decimal number"),
        (line(START + STEP, "nan", 3, 1, 2, 1), "open", "must be a decimal number"),
        (line(START + STEP, "", 3, 1, 2, 1), "open", "is required"),
        (line(START + STEP, -1, 3, 1, 2, 1), "open", "above 0"),
        (line(START + STEP, 2, 1.5, 1, 2, 1), "high", "not be below"),
        (line(START + STEP, 2, 3, 2.5, 2, 1), "low", "not be above"),
        (line(START + STEP, 2, 3, 1, 2, -1), "volume", "not be below 0"),
        (line(START + STEP, 2, 3, 1, 2), "row", "has 5 cells"),
        (line(START + STEP + 1), "timestamp", "multiple of 60"),
        (line(START + STEP + 0.5), "timestamp", "multiple of 60"),
        (line("4000000020"), "timestamp", "has closed"),
        (line("2023-10-31T23:58:00"), "timestamp", "with its zone"),
        (line("soon"), "timestamp", "with its zone"),
        (line(START), "timestamp", "a duplicate"),
        (line(START - STEP), "timestamp", "in the order of time"),
    ],
)
async def test_one_bad_row_keeps_the_whole_file_out_and_is_named(tmp_path: Path, bad: str, column: str, rule: str) -> None:
    file = written(tmp_path / "bad.csv", line(START), bad, line(START + 5 * STEP))
    told = files(tmp_path / "store").take_in(SERIES, file)
    assert (told["imported"], told["bad"]) == (False, 1)
    assert (told["bad_rows"][0]["row"], told["bad_rows"][0]["column"]) == (3, column)
    assert rule in told["bad_rows"][0]["rule"]
    assert await store(tmp_path / "store").kept() == []


async def test_times_with_any_zone_are_the_same_moments(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", line("2023-10-31T23:57:00Z"), line("2023-11-01T00:58:00+01:00"), line("1698796740.0"))
    assert files(tmp_path / "store").take_in(SERIES, file)["imported"]
    assert [row[0] for row in await store(tmp_path / "store").rows(SERIES, SPAN)] == [START, START + STEP, START + 2 * STEP]


async def test_candles_that_differ_from_the_stores_are_told_and_replaced_when_asked(tmp_path: Path) -> None:
    kept = store(tmp_path / "store")
    await kept.add(SERIES, [candle(START), candle(START + STEP)], [(START, START + 2 * STEP)])
    file = tmp_path / "a.parquet"
    rows = [candle(START), candle(START + STEP, close=candle(START + STEP)[1] + 0.25), candle(START + 4 * STEP)]
    polars.DataFrame(rows, schema=list(COLUMNS), orient="row").write_parquet(file)
    refused = files(tmp_path / "store").take_in(SERIES, file)
    assert (refused["imported"], refused["differing_times"]) == (False, [START + STEP])
    assert refused["gap_spans"] == [{"start": START + 2 * STEP, "end": START + 4 * STEP}]
    assert await kept.rows(SERIES, SPAN) == [candle(START), candle(START + STEP)]
    assert files(tmp_path / "store").take_in(SERIES, file, replace=True)["imported"]
    assert await kept.rows(SERIES, SPAN) == rows


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "missing timestamp"),
        ("a.csv", b"timestamp,open\n1,2\n", "missing high"),
        ("a.csv", HEAD.encode() + b",=cmd\n", "unknown '=cmd'"),
        ("a.csv", HEAD.encode() + b",open\n", "a name twice"),
        ("a.csv", HEAD.encode() + b"\n", "holds no candles"),
        ("a.csv", HEAD.encode() + b'\n"1', "not a CSV file"),
        ("a.csv", HEAD.encode() + b"\n\xff\xfe\n", "not a CSV file"),
        ("a.parquet", b"PAR1 no", "not a Parquet file"),
        ("a.txt", b"", "must end with"),
    ],
)
def test_a_file_without_candles_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileUnusable, match=told):
        files(tmp_path / "store").take_in(SERIES, tmp_path / name)
    with pytest.raises(FileUnusable, match="no such file"):
        files(tmp_path / "store").take_in(SERIES, tmp_path / "nothing.csv")


@pytest.mark.parametrize("failing", [0, 1])
async def test_a_disk_that_is_full_in_the_middle_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    kept = store(tmp_path / "store")
    await kept.add(SERIES, [candle(START)], [(START, START + STEP)])
    file = written(tmp_path / "a.csv", *(line(START + minute * STEP) for minute in range(1, 10)))
    written_files: list[Path] = []
    write = candle_file.write_to

    def full(partial: Path, whole: Any, covered: Sequence[Span]) -> None:
        written_files.append(partial)
        if len(written_files) > failing:
            raise OSError(28, "No space left on device")
        write(partial, whole, covered)

    monkeypatch.setattr(candle_file, "write_to", full)
    with pytest.raises(OSError, match="No space left"):
        files(tmp_path / "store").take_in(SERIES, file)
    monkeypatch.undo()
    assert await kept.rows(SERIES, SPAN) == [candle(START)]
    assert sorted(os.listdir(kept.folder(SERIES))) == [".lock", "2023-10.parquet"]


def test_an_export_leaves_no_half_file(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="has no 1m candles"):
        files(tmp_path / "store").give_out(SERIES, tmp_path / "a.csv", SPAN)
    with pytest.raises(FileUnusable, match="must end with"):
        files(tmp_path / "store").give_out(SERIES, tmp_path / "a.sh", SPAN)
    assert os.listdir(tmp_path) == []
