"""The background of a session ends when it is told to, whatever the engine's loops do with that."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from trading.adapters.push import Push
from trading.adapters.upkeep import Upkeep


class Stream:
    """A user stream as that of Binance's contracts: it takes its own cancellation for that of a task it waits for."""

    last_recv_time = 1.0

    def __init__(self) -> None:
        self.cleaning = asyncio.Event()
        self.cleanings = 0

    async def start(self) -> None:
        while True:
            self.cleaning.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cleanings += 1
                if self.cleanings > 2:
                    raise

    async def stop(self) -> None:
        """Nothing is open."""


async def nothing() -> None:
    """No market is read."""


async def test_a_stream_that_swallows_its_cancellation_ends_all_the_same() -> None:
    stream = Stream()
    connector: Any = SimpleNamespace(
        name="binance_perpetual",
        _set_current_timestamp=lambda _: None,
        _user_stream_tracker=stream,
        _user_stream_event_listener=asyncio.Event().wait,
    )
    unused: Any = None
    push = Push(connector, unused, unused, lambda _: None)
    upkeep = Upkeep(connector, push, nothing, lambda _: None)
    await upkeep.start(30)
    await stream.cleaning.wait()
    async with asyncio.timeout(60):
        await upkeep.stop()
    assert stream.cleanings == 3
