"""What keeps a session's connector alive: its user stream, its clock, its trading rules and its balances."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from contracts.rejections import Unavailable
from engine_kit.asking import ENGINE_ERRORS, asked

from trading.adapters.derivative import follow_position_mode
from trading.adapters.exchange import BalancesChanged, Update
from trading.adapters.push import Push

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
CANCEL_SECONDS = 0.2
BALANCES_SECONDS, BALANCES_BLIND_SECONDS = 120.0, 10.0
"""How often balances are read while the user stream tells of changes, and while it is down."""
MARKET_SECONDS = 1800.0
CLOCK_SECONDS = 300.0
MODE_SECONDS = 60.0
"""How often an account is asked for its position mode, which its owner may change elsewhere."""


class Upkeep:
    """The background of one session."""

    def __init__(
        self, connector: Any, push: Push, load_market: Callable[[], Awaitable[None]], emit: Callable[[Update], None]
    ) -> None:
        self._connector = connector
        self._push = push
        self._load_market = load_market
        self._emit = emit
        self._tasks: list[asyncio.Task[None]] = []
        self._done_at: dict[str, float] = {}

    async def start(self, stream_seconds: float) -> None:
        """Start the user stream and wait for it. Unavailable when it does not come up in time."""
        now = time.monotonic()
        self._done_at = {"balances": now, "market": now, "clock": now, "mode": now}
        self._connector._set_current_timestamp(time.time())
        self._start("stream", self._stream)
        self._start("reading", self._connector._user_stream_event_listener)
        deadline = now + stream_seconds
        while not self._push.listening():
            if time.monotonic() > deadline:
                msg = f"the user stream of {self._connector.name} did not come up within {stream_seconds:.0f} s"
                raise Unavailable(msg)
            await asyncio.sleep(0.02)
        self._start("upkeep", self._keep)

    async def stop(self) -> None:
        """End all tasks and close the stream."""
        tasks, self._tasks = self._tasks, []
        running = set(tasks)
        while running:
            for task in running:
                # Not once: the engine's user streams swallow a cancellation that comes while they clean up, and go on.
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_SECONDS)
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, *ENGINE_ERRORS):
                task.result()
        self._push.up = False
        with contextlib.suppress(*ENGINE_ERRORS):
            await self._connector._user_stream_tracker.stop()

    def _start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(self._forever(run), name=f"{self._connector.name} {name}"))

    async def _forever(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run an engine loop again when it ends, which it should not."""
        while True:
            try:
                await run()
            except ENGINE_ERRORS as error:
                logger.warning("a loop of %s ended: %r", self._connector.name, error)
            await asyncio.sleep(TICK_SECONDS)

    async def _stream(self) -> None:
        try:
            await self._connector._user_stream_tracker.start()
        finally:
            self._push.lost("the user stream ended")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._connector._set_current_timestamp(time.time())
            every = BALANCES_SECONDS if self._push.up else BALANCES_BLIND_SECONDS
            if self._due("balances", every) and await self._tried(self._read_balances()):
                self._emit(BalancesChanged())
            if self._due("clock", CLOCK_SECONDS):
                await self._tried(self._connector._update_time_synchronizer(pass_on_non_cancelled_error=True))
            if self._due("mode", MODE_SECONDS):
                await self._tried(follow_position_mode(self._connector))
            if self._due("market", MARKET_SECONDS):
                await self._tried(self._load_market())

    def _due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now - self._done_at[what] < every:
            return False
        self._done_at[what] = now
        return True

    async def _read_balances(self) -> None:
        await asked(self._connector._update_balances())

    async def _tried(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except Unavailable as unavailable:
            logger.warning("upkeep of %s: %s", self._connector.name, unavailable.detail)
            return False
        return True
