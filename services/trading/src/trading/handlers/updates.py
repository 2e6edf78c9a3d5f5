"""What the exchange pushes: each update becomes events. One that cannot be stored yet waits, and so do those behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import assert_never

from contracts.rejections import Unavailable
from contracts.trading import OrderStatus
from eventlog.errors import Fenced

from trading.domain.order import ORDER
from trading.handlers.exchange import (
    BalancesChanged,
    Disconnected,
    Fill,
    FundingChanged,
    OrderReport,
    PositionsChanged,
    Reconnected,
    ReportStatus,
    Update,
)
from trading.handlers.live import STORE_AGAIN_SECONDS, Live, Tracked
from trading.handlers.orders import record_balances
from trading.handlers.outcomes import Outcomes, heard
from trading.handlers.reconcile import Reconciliation

logger = logging.getLogger(__name__)

TOGETHER = 256
"""Updates that are handled at a time."""


class Updates:
    """Consumes one session's updates, in order."""

    def __init__(self, live: Live, outcomes: Outcomes, reconciliation: Reconciliation) -> None:
        self._live = live
        self._outcomes = outcomes
        self._reconciliation = reconciliation

    async def consume(self) -> None:
        """Handle updates for ever: those of one order in turn, those of different orders side by side."""
        updates = self._live.exchange.updates
        while True:
            orders: dict[str, list[Fill | OrderReport]] = {}
            self._sort(await updates.get(), orders)
            for _ in range(min(updates.qsize(), TOGETHER)):
                self._sort(updates.get_nowait(), orders)
            async with asyncio.TaskGroup() as tasks:
                for heard_of_one in orders.values():
                    tasks.create_task(self._in_turn(heard_of_one))

    async def report_balances(self) -> None:
        """Record changed balances, at most once in `pace.balances` seconds, for ever."""
        while True:
            await self._live.balances_changed.wait()
            self._live.balances_changed.clear()
            try:
                await record_balances(self._live, refresh=False)
            except Unavailable as error:
                if isinstance(error, Fenced):
                    raise
                self._live.balances_changed.set()
            await asyncio.sleep(self._live.pace.balances)

    def _sort(self, update: Update, orders: dict[str, list[Fill | OrderReport]]) -> None:
        match update:
            case Fill() | OrderReport():
                orders.setdefault(update.order_id or f"exchange {update.exchange_order_id}", []).append(update)
            case BalancesChanged():
                self._live.balances_changed.set()
            case PositionsChanged():
                self._live.positions_changed.set()
            case FundingChanged():
                self._live.funding_changed.set()
            case Disconnected():
                logger.warning("user stream lost: %s", update.reason, extra=self._fields())
            case Reconnected():
                logger.info("user stream is back", extra=self._fields())
                self._live.reconnected = True
                self._live.reconcile_now.set()
                self._live.funding_changed.set()
            case _:
                assert_never(update)

    async def _in_turn(self, updates: Sequence[Fill | OrderReport]) -> None:
        """Handle what was heard of one order; executions that came in a row are stored together."""
        for is_fill, group in groupby(updates, lambda update: isinstance(update, Fill)):
            if is_fill:
                await self._fills([update for update in group if isinstance(update, Fill)])
                continue
            for report in group:
                if isinstance(report, OrderReport):
                    await self._report(report)

    async def _fills(self, fills: Sequence[Fill]) -> None:
        tracked = await self._find(fills[0].order_id, fills[0].exchange_order_id)
        if tracked is not None:
            await self._outcomes.record_fills(tracked, fills)
            return
        for fill in fills:
            self._reconciliation.stray(fill)

    async def _report(self, report: OrderReport) -> None:
        tracked = await self._find(report.order_id, report.exchange_order_id)
        if tracked is None:
            # Placed elsewhere: the reconciliation records it with all it needs to know.
            self._live.reconcile_now.set()
            return
        # A session writes its orders alone: what tells nothing new to the state it knows needs no look at the log.
        if ORDER.decide(tracked.state, heard(report)):
            await self._live.record(tracked, heard(report))
        if _lives(tracked, report):
            # Recorded as failed. What is pushed may be old; what is answered is proof.
            self._outcomes.ask_later(tracked, 0)
        elif self._unexplained(tracked, report):
            self._outcomes.ask_later(tracked, self._live.pace.fills_late)

    def _unexplained(self, tracked: Tracked, report: OrderReport) -> bool:
        """Whether the exchange tells, or may tell, of more executions than are known."""
        if tracked.state.full:
            return False
        if report.executed is None:
            return report.status in (ReportStatus.FILLED, ReportStatus.CANCELLED)
        return report.status is ReportStatus.FILLED or report.executed > tracked.state.filled_amount

    async def _find(self, client_order_id: str | None, exchange_order_id: str | None) -> Tracked | None:
        while True:
            try:
                return await self._live.find(client_order_id, exchange_order_id)
            except Unavailable as error:
                logger.warning("an update waits: %s", error.detail, extra=self._fields())
                await asyncio.sleep(STORE_AGAIN_SECONDS)

    def _fields(self) -> dict[str, str]:
        return {"account": self._live.account, "connector": self._live.connector}


def _lives(tracked: Tracked, report: OrderReport) -> bool:
    """Whether an order that was recorded as failed is said to be on the book."""
    said = report.status in (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)
    return said and tracked.state.closed is OrderStatus.FAILED and not tracked.state.acknowledged
