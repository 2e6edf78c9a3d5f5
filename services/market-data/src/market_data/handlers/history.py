"""The history of candles: from the store, and from the exchange only what the store lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

from contracts.market_data import CandlesNotReady
from contracts.rejections import Unavailable

from market_data.adapters.candle import CandlesDamaged, Row, Series
from market_data.domain.spans import Span, closed_before, pages, partitions, proven, united, without
from market_data.handlers.sources import CandleSource, CandleStore

AT_ONCE = 4
"""Pages asked of an exchange at the same time for one part of the store."""

TOGETHER = 32
"""Pages written at once: each time the file of the part is written anew."""


class History:
    """Completes the store. Requests that overlap wait for each other part by part, so that nothing is fetched twice."""

    def __init__(self, source: CandleSource, store: CandleStore, patience: float) -> None:
        """`patience` are the seconds a request waits for the exchange."""
        self._source = source
        self._store = store
        self._patience = patience
        self._parts: WeakValueDictionary[tuple[Series, str], asyncio.Lock] = WeakValueDictionary()

    async def complete(self, series: Series, span: Span) -> int:
        """The time before which the store has now all candles of the span. CandlesNotReady, Unavailable; what came is kept."""
        end = min(span[1], closed_before(series.interval, int(time.time())))
        done = span[0]
        try:
            async with asyncio.timeout(self._patience):
                for name, part in partitions(series.interval, (span[0], end)):
                    done = await self._complete_part(series, name, part)
                    if done < part[1]:
                        break
        except TimeoutError as error:
            msg = (
                f"{series.connector} did not give all {series.interval} candles of {series.trading_pair} within "
                f"{self._patience:g} seconds; they are kept up to {done}. Ask again to go on from there"
            )
            raise CandlesNotReady(msg, retry_after=1) from error
        return done

    async def rows(self, series: Series, span: Span) -> list[Row]:
        """All candles that open in the span, the unfinished one included. Raises as `complete`."""
        until = await self.complete(series, span)
        kept = await self._store.rows(series, (span[0], until))
        return [*kept, *await self.fresh(series, (until, span[1]))]

    async def json(self, series: Series, span: Span) -> bytes:
        """Closed candles of a span as a JSON array; what the store lost is fetched anew. Raises as `complete`."""
        for _ in range(2):
            if await self.complete(series, span) < span[1]:
                break
            with suppress(CandlesDamaged):
                return await self._store.json(series, span)
        msg = f"The {series.interval} candles of {series.trading_pair} are not all there yet; ask again"
        raise CandlesNotReady(msg, retry_after=1)

    async def fresh(self, series: Series, span: Span) -> list[Row]:
        """Candles asked of the exchange now, past the store. Unavailable when it gives none in time."""
        most = await self._source.page(series)
        found = [await self._source.fetch(series, page) for page in pages(span, series.interval, most)]
        return [row for rows in found for row in rows]

    async def _complete_part(self, series: Series, name: str, part: Span) -> int:
        """Fetch what is missing in one part of the store; the time up to which it is complete now."""
        lock = self._parts.setdefault((series, name), asyncio.Lock())
        async with lock:
            missing = without(part, await self._store.covered(series, part))
            if missing:
                most = await self._source.page(series)
                wanted = [page for gap in missing for page in pages(gap, series.interval, most)]
                for first in range(0, len(wanted), TOGETHER):
                    await self._fetch(series, wanted[first : first + TOGETHER])
                missing = without(part, await self._store.covered(series, part))
        return missing[0][0] if missing else part[1]

    async def _fetch(self, series: Series, wanted: Sequence[Span]) -> None:
        """Ask for pages and write them together; what came is kept also when one of them failed or time is up."""
        rows: list[Row] = []
        certain: list[Span] = []
        places = asyncio.Semaphore(AT_ONCE)

        async def one(page: Span) -> None:
            async with places:
                answer = await self._source.fetch(series, page)
            opens = [int(row[0]) for row in answer]
            certain.append(proven(page, opens, series.interval, int(time.time())))
            rows.extend(answer)

        try:
            async with asyncio.TaskGroup() as asking:
                for page in wanted:
                    asking.create_task(one(page))
        except* Unavailable as failures:
            raise _first(failures) from None
        finally:
            if united(certain):
                await self._store.add(series, rows, certain)


def _first(failures: BaseExceptionGroup[Unavailable]) -> BaseException:
    found: BaseException = failures
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
