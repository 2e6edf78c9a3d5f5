"""Effects on the exchange and their outcomes: each is sent once, and what is not proven is found out by asking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import assert_never

from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import OrderFilled

from trading.domain.order_commands import (
    Action,
    Heard,
    RecordCancelled,
    RecordCancelRefused,
    RecordFill,
    RecordFills,
    RecordRefused,
    RecordReport,
    RecordSubmitted,
    RecordUnproven,
)
from trading.handlers.exchange import Accepted, Fill, OrderReport, Refused, ReportStatus, Unproven
from trading.handlers.live import Live, Tracked, under_way

logger = logging.getLogger(__name__)


class Outcomes:
    """Submits, cancels and asks for the orders of one session."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def submit(self, tracked: Tracked, metadata: Metadata) -> None:
        """Send a stored intent in the background. `metadata` is the command's that placed it."""
        tracked.submitting = self._live.spawn(self._submit(tracked, metadata))

    def cancel(self, tracked: Tracked, metadata: Metadata | None = None) -> None:
        """Cancel an order whose owner wants it off the book, in the background; nothing while a cancel is under way."""
        if tracked.state.unknown is Action.CANCEL or under_way(tracked.cancelling):
            return
        tracked.cancelling = self._live.spawn(self._cancel(tracked, metadata))

    def resolve(self, tracked: Tracked) -> None:
        """Ask in the background until the outcome is proven."""
        if not under_way(tracked.resolving):
            tracked.resolving = self._live.spawn(self._resolve(tracked))

    def ask_later(self, tracked: Tracked, seconds: float) -> None:
        """Ask for an order of which more was heard than its executions explain, unless they come meanwhile."""
        self._live.spawn(self._ask_later(tracked, seconds))

    async def ask(self, tracked: Tracked, *, settled: bool) -> int:
        """Ask the exchange for one order and record what it says; the number of new fills. Raises Unavailable."""
        report = await self._live.exchange.order_report(tracked.ticket)
        recovered, complete = await self._read_fills(tracked, report)
        if report.status is ReportStatus.NOT_FOUND:
            settled = settled and self._missing_long_enough(tracked)
        else:
            tracked.missing_since = None
        await self._live.record(tracked, heard(report, asked=True, settled=settled, fills_read=complete))
        return recovered

    async def record_fills(self, tracked: Tracked, fills: Sequence[Fill]) -> int:
        """Record executions of an order in one append; how many were new."""
        new = tuple(self._fill(tracked, fill) for fill in fills if fill.trade_id not in tracked.state.trade_ids)
        if not new:
            return 0
        events = await self._live.record(tracked, RecordFills(fills=new))
        return sum(1 for event in events if isinstance(event, OrderFilled))

    async def read_fills(self, tracked: Tracked, executed: Decimal | None) -> tuple[int, bool]:
        """Record the executions that are missing up to `executed`; how many were new, and whether now all are known."""
        if executed is not None and executed <= tracked.state.filled_amount:
            return 0, True
        fills = await self._live.exchange.fills_of(tracked.ticket)
        recovered = await self.record_fills(tracked, fills)
        if executed is None:
            return recovered, bool(fills)
        return recovered, tracked.state.filled_amount >= executed

    def _fill(self, tracked: Tracked, fill: Fill) -> RecordFill:
        return RecordFill(
            order_id=tracked.order_id,
            trade_id=fill.trade_id,
            exchange_order_id=fill.exchange_order_id,
            account=self._live.account,
            connector=self._live.connector,
            trading_pair=fill.trading_pair,
            side=fill.side,
            order_type=tracked.ticket.order_type,
            price=fill.price,
            amount=fill.amount,
            fee=fill.fee,
            fee_token=fill.fee_token,
            is_maker=fill.is_maker,
            time=fill.time,
            position_side=fill.position_side,
        )

    async def _read_fills(self, tracked: Tracked, report: OrderReport) -> tuple[int, bool]:
        if report.status is ReportStatus.NOT_FOUND and not tracked.state.acknowledged:
            return 0, True
        recovered, complete = await self.read_fills(tracked, report.executed)
        if report.executed is None and report.status is ReportStatus.FILLED:
            return recovered, self._whole(tracked)
        # An exchange that no longer knows the order, or never filled it, has no executions to wait for.
        return recovered, complete or report.executed is None

    def _whole(self, tracked: Tracked) -> bool:
        """Without a number from the exchange, executions that stay short of the amount for the settle time are the whole."""
        now = asyncio.get_running_loop().time()
        if tracked.short_since is None:
            tracked.short_since = now
        return tracked.state.full or now - tracked.short_since >= self._live.pace.settle

    def _missing_long_enough(self, tracked: Tracked) -> bool:
        """One "not found" for an order that was once there is no proof; the same answer after the settle time is."""
        now = asyncio.get_running_loop().time()
        if tracked.missing_since is None:
            tracked.missing_since = now
        return not tracked.state.acknowledged or now - tracked.missing_since >= self._live.pace.settle

    async def _submit(self, tracked: Tracked, metadata: Metadata) -> None:
        if not self._live.held():
            return
        self._live.measures.submitted(tracked.stored_at)
        outcome = await self._live.exchange.submit(tracked.ticket)
        match outcome:
            case Accepted():
                command = RecordSubmitted(exchange_order_id=outcome.exchange_order_id, time=outcome.time)
                await self._live.record(tracked, command, metadata.caused())
            case Refused():
                refused = RecordRefused(reason=outcome.reason, evidence=outcome.evidence)
                await self._live.record(tracked, refused, metadata.caused())
            case Unproven():
                unproven = RecordUnproven(action=Action.SUBMIT, reason=outcome.reason)
                await self._live.record(tracked, unproven, metadata.caused())
                self.resolve(tracked)
            case _:
                assert_never(outcome)

    async def _cancel(self, tracked: Tracked, metadata: Metadata | None) -> None:
        if tracked.submitting is not None:
            # A cancel that overtakes its own submit would find nothing to cancel.
            await asyncio.wait([tracked.submitting])
        if tracked.state.closed is not None or not self._live.held():
            return
        if not await self._send_cancel(tracked, metadata):
            self.resolve(tracked)

    async def _send_cancel(self, tracked: Tracked, metadata: Metadata | None) -> bool:
        """Send one cancel; whether its outcome is proven."""
        outcome = await self._live.exchange.cancel(tracked.ticket)
        cause = None if metadata is None else metadata.caused()
        match outcome:
            case Accepted():
                command = RecordCancelled(
                    reason="cancelled", evidence="the exchange acknowledged the cancel", time=outcome.time
                )
                await self._live.record(tracked, command, cause)
                if not self._live.trades_listed:
                    # Executions that came before the cancel will be in no listing, should their messages be lost.
                    self.ask_later(tracked, self._live.pace.fills_late)
                return True
            case Refused():
                return await self._cancel_refused(tracked, outcome.reason)
            case Unproven():
                await self._live.record(tracked, RecordUnproven(action=Action.CANCEL, reason=outcome.reason), cause)
                return False
            case _:
                assert_never(outcome)

    async def _cancel_refused(self, tracked: Tracked, reason: str) -> bool:
        """Usually the order was filled or cancelled first, so look before saying that it is as it was."""
        try:
            await self.ask(tracked, settled=False)
        except Unavailable:
            await self._live.record(tracked, RecordUnproven(action=Action.CANCEL, reason=reason))
            return False
        if tracked.missing_since is not None:
            # Neither on the book nor proved to be off it.
            await self._live.record(tracked, RecordUnproven(action=Action.CANCEL, reason=reason))
            return False
        await self._live.record(tracked, RecordCancelRefused(reason=reason))
        return tracked.state.acknowledged

    async def _resolve(self, tracked: Tracked) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        pace = self._live.pace
        for attempt in count():
            await asyncio.sleep(min(pace.ask_longest, pace.ask * 2 ** min(attempt, 10)))
            if tracked.busy:
                continue
            try:
                await self.ask(tracked, settled=loop.time() - since >= pace.settle)
            except Unavailable as error:
                logger.info("no answer about order %s yet: %s", tracked.order_id, error.detail)
                continue
            if await self._settled(tracked):
                return

    async def _settled(self, tracked: Tracked) -> bool:
        """Whether nothing about the order is unknown any more and its owner's wish to cancel it is done or refused."""
        state = tracked.state
        if state.closed is not None:
            return True
        if state.unknown is Action.SUBMIT:
            return False
        # The order is on the book. The first cancel may have got lost: repeating it cannot do harm, and it was asked for.
        return not state.cancel_wanted or await self._send_cancel(tracked, None)

    async def _ask_later(self, tracked: Tracked, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if tracked.state.closed is not None and tracked.state.full:
            return
        try:
            await self.ask(tracked, settled=False)
        except Unavailable as error:
            # The next reconciliation asks again.
            logger.info("no answer about order %s: %s", tracked.order_id, error.detail)


def heard(report: OrderReport, *, asked: bool = False, settled: bool = False, fills_read: bool = False) -> RecordReport:
    """The domain's form of a report."""
    return RecordReport(
        heard=Heard(report.status.value),
        exchange_order_id=report.exchange_order_id,
        reason=report.reason,
        evidence=report.evidence,
        time=report.time,
        asked=asked,
        settled=settled,
        fills_read=fills_read,
    )
