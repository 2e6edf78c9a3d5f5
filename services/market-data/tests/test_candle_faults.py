"""The store against an exchange that corrects and is late, failing disks, torn files, and processes beside each other."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from contracts.rejections import Unavailable
from exchange_of_candles import STEP, KnownExchange, candle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_data.adapters import candle_file
from market_data.adapters.candle import Row, Series, Span
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import gaps, partitions, united
from market_data.handlers import history as history_module
from market_data.handlers.history import History

SERIES = Series("known", "BTC-USDT", "1m")
MONTH_ENDS = 1_698_796_800
WHOLE = (MONTH_ENDS - 6000, MONTH_ENDS + 6000)


def store(directory: Path) -> ParquetCandles:
    return ParquetCandles(directory, partitions, united)


@contextmanager
def disk_that_fails(chance: float, seed: int) -> Iterator[None]:
    """Writes fail before, in the middle of, or after the bytes; what was written stays."""
    write, dice = candle_file.write_to, random.Random(seed)

    def failing(partial: Path, whole: Any, covered: Sequence[Span]) -> None:
        lot = dice.random()
        if lot > chance / 3:
            write(partial, whole, covered)
        if chance / 3 < lot < 2 * chance / 3:
            partial.write_bytes(partial.read_bytes()[:50])
        if lot < chance:
            raise OSError(28, "No space left on device")

    with mock.patch.object(candle_file, "write_to", failing):
        yield


def tear(directory: Path, dice: random.Random) -> None:
    """A file loses its end, as on a machine whose power failed before a disk that lied wrote it."""
    files = sorted(directory.rglob("*.parquet"))
    if files:
        file = dice.choice(files)
        file.write_bytes(file.read_bytes()[: -dice.randint(1, 200)])


spans = st.tuples(st.integers(*WHOLE), st.integers(1, 5000)).map(lambda pair: (pair[0], min(sum(pair), WHOLE[1] + 5000)))
rounds_of_requests = st.lists(st.lists(spans, min_size=1, max_size=4), min_size=1, max_size=3)
missing_candles = st.frozensets(st.integers(*WHOLE).map(lambda t: t // STEP * STEP), max_size=15)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rounds=st.lists(st.lists(spans, min_size=1, max_size=4), min_size=1, max_size=3),
    missing=missing_candles,
    seed=st.integers(0, 99),
)
async def test_failing_disks_torn_files_and_processes_beside_each_other_leave_the_exchanges_history(
    rounds: list[list[Span]], missing: frozenset[int], seed: int
) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        directory, exchange = Path(name), KnownExchange(missing=missing, seed=seed)
        # Two processes that share the directory do not know of each other's requests.
        beside = [History(exchange, store(directory), patience=60) for _ in range(2)]
        for asked in rounds:
            exchange.failing = 0.2
            with disk_that_fails(0.5, seed):
                running = [asyncio.create_task(dice.choice(beside).complete(SERIES, span)) for span in asked]
                await asyncio.sleep(0.002 * dice.random())
                dice.choice(running).cancel()
                outcomes = await asyncio.gather(*running, return_exceptions=True)
            assert all(isinstance(outcome, int | Unavailable | asyncio.CancelledError) for outcome in outcomes), outcomes
            tear(directory, dice)
        exchange.failing = 0.0
        await asyncio.gather(*(each.complete(SERIES, WHOLE) for each in beside))
        assert await store(directory).rows(SERIES, WHOLE) == exchange.truth(WHOLE)
        opens = await store(directory).opens(SERIES, WHOLE)
        told = gaps(opens, await store(directory).covered(SERIES, WHOLE), "1m")
        untold = set(range(opens[0], opens[-1] + STEP, STEP)) - {row[0] for row in exchange.truth(WHOLE)}
        assert untold == {opened for start, end in told for opened in range(start, end, STEP)}
        before = len(exchange.asked)
        await beside[0].complete(SERIES, WHOLE)
        assert len(exchange.asked) == before


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(spans, min_size=1, max_size=6))
async def test_no_second_is_asked_of_the_exchange_twice(asked: list[Span]) -> None:
    with tempfile.TemporaryDirectory() as name:
        exchange = KnownExchange()
        history = History(exchange, store(Path(name)), patience=60)
        await asyncio.gather(*(history.complete(SERIES, span) for span in asked))
        assert sum(end - start for start, end in exchange.asked) == sum(end - start for start, end in united(asked))


class Correcting(KnownExchange):
    """Closes a candle for good two seconds after its end, and is up to three candles late."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.now = MONTH_ENDS
        self._dice = random.Random(seed)

    async def fetch(self, series: Series, span: Span) -> list[Row]:
        shown = self.now - self._dice.randint(0, 3) * STEP
        rows = [row for row in await super().fetch(series, span) if row[0] <= shown]
        return [row if row[0] + STEP + 2 <= self.now else candle(int(row[0]), close=self.now / 1e7) for row in rows]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.integers(1, 400), min_size=1, max_size=12), seed=st.integers(0, 99))
async def test_a_candle_that_is_corrected_or_late_is_kept_as_it_became(steps: list[int], seed: int) -> None:
    exchange = Correcting(seed)
    clock = SimpleNamespace(time=lambda: float(exchange.now))
    with tempfile.TemporaryDirectory() as name, mock.patch.object(history_module, "time", clock):
        history = History(exchange, store(Path(name)), patience=60)
        start = MONTH_ENDS - 50 * STEP
        for step in steps:
            exchange.now += step
            until = await history.complete(SERIES, (start, exchange.now + 1))
            assert await store(Path(name)).rows(SERIES, (start, until)) == exchange.truth((start, until))
        end = exchange.now
        exchange.now += 20 * STEP
        assert await history.complete(SERIES, (start, end)) == end
        assert await store(Path(name)).rows(SERIES, (start, end)) == exchange.truth((start, end))
