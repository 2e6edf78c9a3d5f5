"""The candle store holds the exchange's history exactly, whatever overlapped, failed, was given up or crashed."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

import pytest
from contracts.market_data import CandlesNotReady
from contracts.rejections import Unavailable
from exchange_of_candles import STEP, KnownExchange, candle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_data.adapters.candle import CandlesDamaged, Series, Span
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import partitions, united
from market_data.handlers.history import History

SERIES = Series("known", "BTC-USDT", "1m")
END = 1_700_000_000 // STEP * STEP
MONTH_ENDS = 1_698_796_800
"""A partition begins here (2023-11-01): spans around it touch two files."""


def store(directory: Path) -> ParquetCandles:
    return ParquetCandles(directory, partitions, united)


times = st.integers(MONTH_ENDS - 6000, MONTH_ENDS + 6000)
one_span = st.tuples(times, st.integers(1, 5000)).map(lambda pair: (pair[0], pair[0] + pair[1]))
asked_spans = st.lists(one_span, min_size=1, max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=asked_spans, missing=st.frozensets(times.map(lambda t: t // STEP * STEP), max_size=20), seed=st.integers(0, 99))
async def test_overlapping_failing_and_interrupted_requests_leave_the_exchanges_history(
    asked: list[Span], missing: frozenset[int], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        exchange = KnownExchange(missing=missing, seed=seed)
        history = History(exchange, store(Path(name)), patience=60)
        exchange.failing = 0.3
        hurried = [asyncio.create_task(history.complete(SERIES, span)) for span in asked]
        await asyncio.sleep(0.002)
        hurried[0].cancel()
        for outcome in await asyncio.gather(*hurried, return_exceptions=True):
            assert isinstance(outcome, int | Unavailable | asyncio.CancelledError)
        for span in asked:
            kept = await store(Path(name)).rows(SERIES, span)
            assert set(kept) <= set(exchange.truth(span))
        exchange.failing = 0.0
        assert await asyncio.gather(*(history.complete(SERIES, span) for span in asked)) == [end for _, end in asked]
        asked_before = len(exchange.asked)
        for span in asked:
            assert await store(Path(name)).rows(SERIES, span) == exchange.truth(span)
            await history.complete(SERIES, span)
        assert len(exchange.asked) == asked_before, "what is kept is not asked for again"


async def test_requests_at_the_same_time_ask_the_exchange_once(tmp_path: Path) -> None:
    exchange = KnownExchange()
    history = History(exchange, store(tmp_path), patience=60)
    span = (END - 100 * STEP, END)
    await asyncio.gather(*(history.complete(SERIES, span) for _ in range(5)))
    assert sum(end - start for start, end in exchange.asked) == 100 * STEP


async def test_the_unfinished_candle_is_answered_and_not_kept(tmp_path: Path) -> None:
    exchange = KnownExchange()
    history = History(exchange, store(tmp_path), patience=60)
    now = int(time.time())
    rows = await history.rows(SERIES, (now - 10 * STEP, now + 1))
    assert rows[-1][0] == now // STEP * STEP
    kept = await store(tmp_path).rows(SERIES, (0, now + 1))
    assert kept
    assert all(row[0] + STEP <= time.time() for row in kept)


async def test_time_that_is_up_is_told_and_what_came_is_kept(tmp_path: Path) -> None:
    class Slow(KnownExchange):
        async def fetch(self, series: Series, span: Span):  # type: ignore[no-untyped-def]
            if len(self.asked) >= 20:
                await asyncio.Event().wait()
            return await super().fetch(series, span)

    exchange = Slow()
    history = History(exchange, store(tmp_path), patience=0.5)
    with pytest.raises(CandlesNotReady, match=r"within 0\.5 seconds"):
        await history.complete(SERIES, (END - 400 * STEP, END))
    kept = await store(tmp_path).rows(SERIES, (END - 400 * STEP, END))
    assert len(kept) > 100


async def test_a_corrected_candle_replaces_the_old_one(tmp_path: Path) -> None:
    kept = store(tmp_path)
    await kept.add(SERIES, [candle(END), candle(END + STEP)], [(END, END + 2 * STEP)])
    await kept.add(SERIES, [candle(END, close=1.5)], [(END, END + STEP)])
    assert await kept.rows(SERIES, (END, END + 2 * STEP)) == [candle(END, close=1.5), candle(END + STEP)]
    assert json.loads(await kept.json(SERIES, (END, END + STEP)))[0]["close"] == 1.5


def tear(directory: Path) -> None:
    """What a failing disk and a process that died while it wrote leave behind."""
    (file,) = directory.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    (file.parent / ".left.partial").write_bytes(b"half")


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*") if path.is_file()}


async def test_a_file_that_was_torn_is_put_aside_and_fetched_anew(tmp_path: Path) -> None:
    exchange = KnownExchange()
    history = History(exchange, store(tmp_path), patience=60)
    span = (END - 30 * STEP, END)
    await history.complete(SERIES, span)
    tear(tmp_path)
    await history.complete(SERIES, span)
    assert await store(tmp_path).rows(SERIES, span) == exchange.truth(span)
    assert names(tmp_path) == {".lock", "2023-11.damaged", "2023-11.parquet"}


def scramble(directory: Path) -> None:
    """A file that still tells what it covers, and whose candles cannot be read."""
    (file,) = directory.rglob("*.parquet")
    whole = file.read_bytes()
    file.write_bytes(b"PAR1" + b"\xff" * 3000 + whole[3004:])


async def test_candles_whose_file_cannot_be_read_are_never_answered_as_missing(tmp_path: Path) -> None:
    exchange = KnownExchange(page=1000)
    history = History(exchange, store(tmp_path), patience=60)
    span = (END - 3000 * STEP, END)
    await history.complete(SERIES, span)
    scramble(tmp_path)
    assert len(await store(tmp_path).covered(SERIES, span)) == 1
    with pytest.raises(CandlesDamaged):
        await store(tmp_path).rows(SERIES, span)
    await history.complete(SERIES, span)
    scramble(tmp_path)
    rows = json.loads(await history.json(SERIES, span))
    assert [row["timestamp"] for row in rows] == [row[0] for row in exchange.truth(span)]
    assert names(tmp_path) == {".lock", "2023-11.damaged", "2023-11.parquet"}


async def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("a file where a folder should be")
    history = History(KnownExchange(), store(tmp_path), patience=60)
    with pytest.raises(Unavailable, match="Not a directory"):
        await history.complete(SERIES, (END - 30 * STEP, END))


async def test_what_the_exchange_does_not_tell_is_null(tmp_path: Path) -> None:
    unknown = (float(END), 1.0, 1.0, 1.0, 1e-7, *([float("nan")] * 5))
    await store(tmp_path).add(SERIES, [unknown], [(END, END + STEP)])
    (row,) = json.loads(await store(tmp_path).json(SERIES, (END, END + STEP)))
    assert list(row.values()) == [END, 1.0, 1.0, 1.0, 1e-07, None, None, None, None, None]
