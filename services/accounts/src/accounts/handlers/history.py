"""The portfolio's history: snapshots at a steady pace, thinned with age, and pages of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from contracts.accounts import GetPortfolioHistory
from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from eventlog.log import EventLog

from accounts.domain.history import Retention, cursor_time, next_tick, pagination, spacing, thinnings
from accounts.domain.portfolio import Holding, Portfolio
from accounts.handlers.answers import history_json, holding_json, json_bytes
from accounts.handlers.valuation import Valuation
from accounts.views.history import Snapshot, has_history, points_before, save_snapshot, snapshots_at, thin

logger = logging.getLogger(__name__)

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
        self._thinned_on: date | None = None

    async def run(self) -> None:
        """Begin with the first data there is, then snapshot at every tick, for ever. A snapshot that fails is left out."""
        while not await self._begun():
            await self._sleep(FIRST_DATA_SECONDS)
        while True:
            now = self._clock()
            tick = next_tick(now, self._interval)
            await self._sleep((tick - now).total_seconds())
            try:
                await self.save(tick, await self._valuation.portfolio(Metadata()))
                await self.thin(tick)
            except Unavailable as error:
                logger.warning("no snapshot: %s", error.detail, extra={"at": tick.isoformat()})

    async def _begun(self) -> bool:
        """Whether there is a history, which may be one begun now."""
        try:
            if await has_history(self._log):
                return True
            portfolio = await self._valuation.portfolio(Metadata())
            if not any(holdings for connectors in portfolio.values() for holdings in connectors.values()):
                return False
            await self.save(self._clock().replace(microsecond=0), portfolio)
        except Unavailable as error:
            logger.warning("the history cannot begin: %s", error.detail)
            return False
        return True

    async def save(self, at: datetime, portfolio: Portfolio) -> None:
        """Store the whole portfolio under one time."""
        rows: list[Snapshot] = [
            (account, connector, [[h.token, str(h.units), str(h.available_units), str(h.price)] for h in holdings])
            for account, connectors in portfolio.items()
            for connector, holdings in connectors.items()
        ]
        await save_snapshot(self._log, at, rows)

    async def thin(self, now: datetime) -> None:
        """Bring every age to its resolution; once a day, for the borders lie between days."""
        if self._thinned_on != now.date():
            for each in thinnings(now, self._retention):
                await thin(self._log, each.since, each.until, each.bucket)
            self._thinned_on = now.date()


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
