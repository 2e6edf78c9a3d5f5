"""A process that appends until it is told to stop: `python hammer_writer.py <database url> <name> <writers> <seconds>`.

Prints one line of JSON: how many appends were confirmed, refused and of unknown outcome.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from decimal import Decimal

from contracts.message import Metadata
from contracts.rejections import Unavailable
from eventlog.errors import VersionConflict
from eventlog.log import EventLog
from purse_domain import CONTEXT, CoinsPut, PursesView

PAIR = [CoinsPut(amount=Decimal(1)), CoinsPut(amount=Decimal(1))]
SHARED = 4
"""Streams that all writers of all processes append to."""


async def write(log: EventLog, name: str, until: float, told: Counter[str]) -> None:
    """Append pairs of events to a stream of one's own and to shared ones."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        shared = random.random() < 0.1
        stream = f"money.purse-shared{random.randrange(SHARED)}" if shared else f"money.purse-{name}"
        try:
            version = len(await log.read(stream)) if shared else told[stream]
            await log.append(stream, version, PAIR, Metadata())
            told["confirmed"] += 1
            if not shared:
                told[stream] += 2
        except VersionConflict as conflict:
            told["conflicts"] += 1
            if not shared:
                told[stream] = conflict.actual
        except Unavailable:
            told["unknown"] += 1
            await asyncio.sleep(0.05)


async def main(url: str, name: str, writers: int, seconds: float) -> None:
    """Run writers side by side for some seconds."""
    log = EventLog(url, context=CONTEXT, views=[PursesView()])
    await log.start()
    print("started", flush=True)  # noqa: T201
    told: Counter[str] = Counter()
    until = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(write(log, f"{name}{n}", until, told) for n in range(writers)))
    await log.stop()
    print(json.dumps({key: told[key] for key in ("confirmed", "conflicts", "unknown")}))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
