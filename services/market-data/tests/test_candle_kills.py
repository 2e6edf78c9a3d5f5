"""The candle store under `kill -9` of whoever writes it: what it calls complete is complete and true, and writing goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from exchange_of_candles import STEP, candle
from market_data.adapters.candle import Series
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import partitions, united

SERIES = Series("known", "BTC-USDT", "1m")
START = 1_698_796_800 - 1000 * STEP
"""Before a month begins, so that a write often touches two files."""

MINUTES = 2000
KILLS = 25
WRITER = """
import asyncio, random, sys
from pathlib import Path
from exchange_of_candles import STEP, candle
from market_data.adapters.candle import Series
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import partitions, united
store, start, minutes = ParquetCandles(Path(sys.argv[1]), partitions, united), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(sys.argv[4])
async def write():
    while True:
        first = chance.randrange(minutes)
        last = min(minutes, first + chance.randint(1, 400))
        opens = range(start + first * STEP, start + last * STEP, STEP)
        await store.add(Series("known", "BTC-USDT", "1m"), [candle(at) for at in opens], [(opens.start, opens.stop)])
        print(first, last, flush=True)
asyncio.run(write())
"""


async def test_what_is_called_complete_is_complete_and_true_whenever_the_writer_was_killed(tmp_path: Path) -> None:
    chance, span = random.Random(7), (START, START + MINUTES * STEP)
    store = ParquetCandles(tmp_path, partitions, united)
    done: set[int] = set()
    for kill in range(KILLS):
        done |= _killed_while_writing(tmp_path, kill, chance.uniform(0, 0.05))
        covered = [at for start, end in await store.covered(SERIES, span) for at in range(start, end, STEP)]
        assert done <= set(covered), "nothing that was written is lost"
        assert await store.rows(SERIES, span) == [candle(at) for at in covered]
    assert not _left(tmp_path, "*.damaged")
    assert len(done) > MINUTES / 2, "it wrote"


def _left(directory: Path, pattern: str) -> list[Path]:
    return list(directory.rglob(pattern))


def _killed_while_writing(directory: Path, seed: int, seconds: float) -> set[int]:
    """The opens of the candles of which it said that they are written."""
    arguments = (str(directory), str(START), str(MINUTES), str(seed))
    command = [sys.executable, "-c", WRITER, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline()]
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    pairs = [line.split() for line in told if line.endswith("\n")]
    return {START + minute * STEP for first, last in pairs for minute in range(int(first), int(last))}
