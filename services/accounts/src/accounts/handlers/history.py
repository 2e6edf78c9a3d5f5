"""The portfolio's history: snapshots at a steady pace, thinned with age, and pages of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal

from contracts.accounts import GetPortfolioHistory
from contracts.message import Metadata, utc_now
from eventlog.log import EventLog

from accounts.domain.history import Retention, cursor_time, next_tick, pagination, spacing, thinnings
from accounts.domain.portfolio import Holding, Portfolio
from accounts.handlers.answers import history_json, holding_json, json_bytes
from accounts.handlers.valuation import Valuation
from accounts.views.history import Snapshot, has_history, points_before, save_snapshot, snapshots_at, thin

FIRST_DATA_SECONDS = 1.0
"""How often to look whether the portfolio has something to begin the history with."""
PAGE_BYTES = 768 * 1024
"""A page ends early rather than outgrow a message of the bus (1 MiB); its cursor goes on where it ended."""


class History:
    """Takes the snapshots. Any number of replicas may: snapshots of the same time are stored once."""

    def __init__(
        self,
        log: EventLog,
        valuation: Valuation,
        interval: timedelta,
        retention: Retention,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._valuation = valuation
        self._interval = interval
        self._retention = retention
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Begin with the first data there is, then snapshot at every tick, for ever."""
        while not await has_history(self._log):
            portfolio = await self._valuation.portfolio(Metadata())
            if any(holdings for connectors in portfolio.values() for holdings in connectors.values()):
                await self.save(self._clock().replace(microsecond=0), portfolio)
            else:
                await self._sleep(FIRST_DATA_SECONDS)
        thinned_on = None
        while True:
            now = self._clock()
            if thinned_on != now.date():
                await self.thin()
                thinned_on = now.date()
            tick = next_tick(now, self._interval)
            await self._sleep((tick - now).total_seconds())
            await self.save(tick, await self._valuation.portfolio(Metadata()))

    async def save(self, at: datetime, portfolio: Portfolio) -> None:
        """Store the whole portfolio under one time."""
        rows: list[Snapshot] = [
            (account, connector, [[h.token, str(h.units), str(h.available_units), str(h.price)] for h in holdings])
            for account, connectors in portfolio.items()
            for connector, holdings in connectors.items()
        ]
        await save_snapshot(self._log, at, rows)

    async def thin(self) -> None:
        """Bring every age to its resolution."""
        for each in thinnings(self._clock(), self._retention):
            await thin(self._log, each.since, each.until, each.bucket)


async def history_page(log: EventLog, query: GetPortfolioHistory) -> bytes:
    """A page of the history, newest first. Raises HistoryIntervalUnknown, CursorInvalid."""
    least, cursor = spacing(query.interval), cursor_time(query.cursor)
    times = await points_before(log, query, least, cursor)
    shown = times[: query.limit]
    snapshots: dict[datetime, dict[str, dict[str, list[dict[str, str | float]]]]] = {at: {} for at in shown}
    for at, (account, connector, holdings) in await snapshots_at(log, query, shown):
        snapshots[at].setdefault(account, {})[connector] = [holding_json(_holding(stored)) for stored in holdings]
    points: list[bytes] = []
    size = 0
    for at in shown:
        point = json_bytes({"timestamp": at.isoformat(), "state": snapshots[at]})
        size += len(point)
        if points and size > PAGE_BYTES:
            break
        points.append(point)
    more = len(points) < len(times)
    return history_json(points, pagination(query, shown[len(points) - 1] if more else None))


def _holding(stored: list[str]) -> Holding:
    token, units, available_units, price = stored
    return Holding(token, Decimal(units), Decimal(available_units), Decimal(price))
