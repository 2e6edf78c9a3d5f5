"""One live feed of candles: a window kept up to date by the exchange's stream, and mended by asking when the stream broke."""

from __future__ import annotations

import asyncio
import math
import time
from itertools import islice
from typing import Any

from contracts.market_data import MOST_CANDLES, SECONDS
from contracts.rejections import Unavailable

from market_data.adapters.candle import Row, Series, text
from market_data.handlers.history import History
from market_data.handlers.sources import CandleSource, Live

BEHIND = 2.0
"""Seconds after which a candle whose stream is silent is asked for again, and a new candle is expected."""

FIRST = 100
"""Candles asked for at the start."""


class CandleFeed:
    """The window holds all candles that open from `since` on, as far as the exchange has them, in their order."""

    kind = "candles"

    def __init__(self, series: Series, source: CandleSource, history: History) -> None:
        """No I/O."""
        self.name = series.name
        self.config = f"{series.connector} {series.trading_pair} {series.interval}"
        self._series = series
        self._source = source
        self._history = history
        self._step = SECONDS[series.interval]
        self._rows: dict[int, Row] = {}
        self.version = 0
        """Changes with the window."""
        self._texts: dict[int, str] = {}
        self._answers: dict[int, bytes] = {}
        self._since = int(time.time()) - FIRST * self._step
        self._asked = -math.inf
        self._live: Live | None = None
        self._streaming = False
        self._lost: int | None = self._since
        self._told_since: int | None = None
        self._interruptions = 0
        self._mending = asyncio.Lock()

    async def start(self) -> None:
        """Return when the window is current. Raises Unavailable, with nothing left running."""
        await self._ask(self._since)
        self._live = await self._source.live(self._series, self._told)

    async def stop(self) -> None:
        """End the stream."""
        if self._live is not None:
            await self._live.stop()
        self._live = None

    async def candles(self, most: int) -> bytes:
        """The newest `most` candles as a JSON array. Raises Unavailable, CandlesNotReady."""
        await self._complete(most)
        if most not in self._answers:
            self._answers[most] = f"[{','.join(list(self._texts.values())[-most:])}]".encode()
        return self._answers[most]

    async def window(self, most: int) -> dict[int, str]:
        """When each of the newest `most` candles opens, and its JSON, oldest first. Raises as `candles`.

        A candle that did not change keeps its text, the same object.
        """
        await self._complete(most)
        return dict(islice(self._texts.items(), max(0, len(self._texts) - most), None))

    async def _complete(self, most: int) -> None:
        if self._behind() or self._lacks(most):
            async with self._mending:
                if self._behind():
                    await self._mend()
                if self._lacks(most):
                    await self._extend(self._newest - (most - 1) * self._step)

    def health(self) -> dict[str, Any]:
        """How it is."""
        return {
            "status": "live" if self._streaming else "asking",
            "reason": None if self._streaming else "the exchange's stream says nothing now: candles are asked for",
            "interruptions": self._interruptions,
            "candles": len(self._rows),
        }

    @property
    def _newest(self) -> int:
        return next(reversed(self._rows), 0)

    def _told(self, row: Row | None) -> None:
        """What the stream says: a candle, or None when it broke."""
        if row is None:
            self._interruptions += self._streaming
            self._streaming = False
            self._lose()
            return
        opened = int(row[0])
        # What a stream that is new, or jumps, did not tell is asked for.
        if not self._streaming or opened > self._newest + self._step:
            self._lose()
        self._streaming = True
        if self._told_since is None:
            self._told_since = opened
        if opened >= self._since:
            self._put([row])

    def _behind(self) -> bool:
        """Whether the window may lack what the exchange has, and was not asked for just now."""
        quiet = time.time() > self._newest + self._step + BEHIND
        return (quiet or self._lost is not None) and time.monotonic() - self._asked > BEHIND

    def _lacks(self, most: int) -> bool:
        """Whether candles that were asked for opened before the window begins."""
        return self._newest - (most - 1) * self._step < self._since

    async def _mend(self) -> None:
        start = (self._newest if self._lost is None else self._lost) - self._step
        if start < time.time() - FIRST * self._step:
            start = self._since = int(time.time()) - FIRST * self._step
            self._rows.clear()
            self._texts.clear()
        await self._ask(start)

    def _lose(self) -> None:
        """From the newest candle on the window may lack what the stream did not tell."""
        self._lost = self._newest if self._lost is None else min(self._lost, self._newest)

    async def _ask(self, start: int) -> None:
        """Ask the exchange for all candles from `start` on; what the stream tells meanwhile is newer."""
        # What is lost from now on is asked for the next time.
        self._told_since, self._lost, lost = None, None, self._lost
        try:
            rows = await self._history.fresh(self._series, (start, int(time.time()) + self._step))
        except (Unavailable, asyncio.CancelledError):
            self._lost = lost
            raise
        self._asked = time.monotonic()
        newer = math.inf if self._told_since is None else self._told_since
        self._put([row for row in rows if row[0] < newer or int(row[0]) not in self._rows])
        if not self._streaming:
            self._lose()

    async def _extend(self, start: int) -> None:
        """Put older candles in front, from the store. A request that failed leaves the window as it was."""
        older = await self._history.rows(self._series, (start, self._since))
        self._since = start
        self._put(older)

    def _put(self, rows: list[Row]) -> None:
        ordered = True
        for row in rows:
            opened = int(row[0])
            ordered = ordered and opened >= self._newest
            self._rows[opened] = row
            self._texts[opened] = text(row)
        if not ordered:
            self._rows = {opened: self._rows[opened] for opened in sorted(self._rows)}
            self._texts = {opened: self._texts[opened] for opened in self._rows}
        while len(self._rows) > MOST_CANDLES:
            oldest = next(iter(self._rows))
            del self._rows[oldest], self._texts[oldest]
            self._since = oldest + 1
        self._answers.clear()
        self.version += 1
