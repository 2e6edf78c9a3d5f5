"""Comparing a session with its exchange: our open orders, orders placed elsewhere, executions that were missed, balances."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from contracts.message import utc_now
from contracts.rejections import Unavailable
from eventlog.errors import Fenced

from trading.domain.order_commands import Action, Heard, RecordReport, RecordUnproven
from trading.domain.session import Fail, RecordReconciled
from trading.handlers.exchange import ExchangeOrder, Fill
from trading.handlers.external import External
from trading.handlers.live import Live, Tracked
from trading.handlers.orders import record_balances
from trading.handlers.outcomes import Outcomes

logger = logging.getLogger(__name__)


class Reconciliation:
    """Reconciles one session. `since` is the time up to which its trade history is known to be complete."""

    def __init__(self, live: Live, outcomes: Outcomes, since: datetime) -> None:
        self._live = live
        self._outcomes = outcomes
        self._external = External(live, outcomes)
        self._since = self._known = since
        self._all_since = since
        self._began = since
        self._recorded_at: datetime | None = None
        self._strays: list[Fill] = []
        self._fills = 0

    def stray(self, fill: Fill) -> None:
        """Keep an execution of an order that is not known here until a reconciliation has looked for the order."""
        self._strays.append(fill)
        self._live.reconcile_now.set()

    async def adopt_stored(self) -> None:
        """Follow the orders of an earlier run. What it did not live to record may or may not have happened."""
        for row in await self._live.stored_orders.open():
            tracked = await self._live.tracked_of(row)
            state = tracked.state
            if not state.acknowledged:
                await self._unproven(tracked, Action.SUBMIT, "the session ended between the intent and its outcome")
            elif state.cancel_wanted:
                await self._unproven(tracked, Action.CANCEL, "the session ended between the cancel and its outcome")
            if tracked.state.unknown is not None:
                self._outcomes.resolve(tracked)

    async def run(self, *, notable: bool) -> None:
        """Reconcile once; `notable`: record that it was done even when nothing was found. Raises Unavailable."""
        await self.record(await self.look(notable=notable))

    async def look(self, *, notable: bool) -> RecordReconciled:
        """Reconcile once; what `record` is to be given, with which the session becomes ready. Raises Unavailable."""
        began = self._began = utc_now()
        self._fills = self._external.recorded = 0
        # Now and then it is recorded anyway: after a restart, the trade history is read from the last record on.
        checkpoint = timedelta(seconds=self._live.pace.checkpoint)
        due = self._recorded_at is None or began - self._recorded_at >= checkpoint
        checked = await self._compare_orders()
        if notable and self._live.exchange.derivative is not None:
            # A pair may be known by its position only: it was traded elsewhere, before or while nobody listened.
            self._live.pairs.update(held.trading_pair for held in await self._live.exchange.derivative.positions())
        await self._backfill(every_pair=notable or due, began=began)
        await self._attribute_strays()
        await record_balances(self._live, refresh=True)
        return RecordReconciled(
            account=self._live.account,
            connector=self._live.connector,
            orders_checked=checked,
            fills_recovered=self._fills,
            external_orders=self._external.recorded,
            notable=notable or due,
        )

    async def record(self, found: RecordReconciled) -> None:
        """Store what the latest `look` found."""
        if (await self._live.record_session(found)).events:
            self._recorded_at = self._began

    async def keep(self) -> None:
        """Reconcile periodically and whenever asked to, for ever. An exchange that is away is told of and tried again."""
        live = self._live
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(live.reconcile_now.wait(), live.pace.reconcile * random.uniform(0.9, 1.1))  # noqa: S311
            if not live.reconnected:
                # Many orders placed elsewhere are served by one run: each costs the exchange's request weight.
                await asyncio.sleep(live.pace.ask_longest)
            live.reconcile_now.clear()
            notable, live.reconnected = live.reconnected, False
            try:
                await self.run(notable=notable)
            except Fenced:
                raise
            except Unavailable as error:
                await self.failed(error)
                await asyncio.sleep(live.pace.ask_longest)
                live.reconnected = live.reconnected or notable
                live.reconcile_now.set()

    async def failed(self, error: Unavailable) -> None:
        """Record that the exchange did not let a reconciliation come to its end."""
        live = self._live
        await live.record_session(Fail(account=live.account, connector=live.connector, reason=error.detail))

    async def _unproven(self, tracked: Tracked, action: Action, reason: str) -> None:
        await self._live.record(tracked, RecordUnproven(action=action, reason=reason))

    async def _compare_orders(self) -> int:
        listing = await self._live.exchange.open_orders()
        listed = {order.client_order_id: order for order in listing or ()}
        checked = 0
        for tracked in list(self._live.tracked.values()):
            if tracked.busy or tracked.state.closed is not None:
                continue
            checked += 1
            order = listed.get(tracked.ticket.order_id)
            if order is None:
                self._fills += await self._outcomes.ask(tracked, settled=self._settled(tracked))
            else:
                await self._still_open(tracked, order)
            if tracked.state.closed is None and tracked.state.cancel_wanted:
                self._outcomes.cancel(tracked)
        for order in listed.values():
            if order.client_order_id not in self._live.tracked:
                await self._listed_elsewhere(order)
        return checked

    def _settled(self, tracked: Tracked) -> bool:
        # An order whose outcome is unknown has its own task, which counts from when it could last have been sent.
        age = utc_now() - tracked.ticket.placed_at
        return tracked.state.unknown is None and age >= timedelta(seconds=self._live.pace.settle)

    async def _still_open(self, tracked: Tracked, order: ExchangeOrder) -> None:
        recovered, _ = await self._outcomes.read_fills(tracked, order.executed)
        self._fills += recovered
        tracked.missing_since = None
        report = RecordReport(
            heard=Heard(order.status.value),
            exchange_order_id=order.exchange_order_id,
            reason=order.status.value,
            evidence="the exchange's list of open orders",
            time=order.time,
            asked=True,
        )
        await self._live.record(tracked, report)

    async def _listed_elsewhere(self, order: ExchangeOrder) -> None:
        """An order on the book that is not followed: closed here by mistake, or placed elsewhere."""
        tracked = await self._live.find(order.client_order_id, order.exchange_order_id)
        if tracked is None:
            tracked = await self._external.record(order)
        if not tracked.busy:
            await self._still_open(tracked, order)

    async def _backfill(self, *, every_pair: bool, began: datetime) -> None:
        """Record executions that no message told of, from before the last complete reading.

        Pairs without any activity of ours are read at starts, reconnects and checkpoints only: reading costs request weight.
        """
        overlap = timedelta(seconds=self._live.pace.overlap)
        since = (self._all_since if every_pair else self._since) - overlap
        active = self._live.pairs | {tracked.ticket.trading_pair for tracked in self._live.tracked.values()}
        for pair in sorted(active.union(await self._live.stored_orders.pairs() if every_pair else ())):
            self._live.pairs.discard(pair)
            try:
                await self._backfill_pair(pair, since if pair in self._live.trades_read else self._known - overlap)
            except Unavailable:
                self._live.pairs.add(pair)
                raise
        self._since = began
        if every_pair:
            self._all_since = began

    async def _backfill_pair(self, pair: str, since: datetime) -> None:
        asked = utc_now()
        fills = await self._live.exchange.trades_since(pair, since)
        self._live.trades_listed = fills is not None
        if fills:
            stored = await self._live.stored_orders.trade_ids_since(pair, since)
            missed = [fill for fill in fills if fill.trade_id not in stored]
            if missed:
                await self._record_missed(pair, since, missed)
        self._live.trades_read[pair] = asked

    async def _record_missed(self, pair: str, since: datetime, missed: Sequence[Fill]) -> None:
        unknown = [fill for fill in missed if await self._attribute(fill) is None]
        if not unknown:
            return
        # Orders placed and gone while nobody looked: the exchange's history of orders knows whose executions these are.
        history = await self._live.exchange.orders_since(pair, since - timedelta(days=1)) or []
        wanted = {fill.exchange_order_id for fill in unknown}
        for order in history:
            if order.exchange_order_id in wanted:
                await self._from_history(order)
        for fill in unknown:
            if await self._attribute(fill) is None:
                logger.warning("execution %s of order %s cannot be attributed", fill.trade_id, fill.exchange_order_id)

    async def _from_history(self, order: ExchangeOrder) -> None:
        tracked = await self._live.find(order.client_order_id, order.exchange_order_id)
        if tracked is None:
            tracked = await self._external.record(order)
        recovered, complete = await self._outcomes.read_fills(tracked, order.executed or Decimal(0))
        self._fills += recovered
        if tracked.busy:
            return
        report = RecordReport(
            heard=Heard(order.status.value),
            exchange_order_id=order.exchange_order_id,
            reason=order.status.value,
            evidence="the exchange's order history",
            time=order.time,
            asked=True,
            fills_read=complete,
        )
        await self._live.record(tracked, report)

    async def _attribute(self, fill: Fill) -> Tracked | None:
        tracked = await self._live.find(fill.order_id, fill.exchange_order_id)
        if tracked is not None:
            self._fills += await self._outcomes.record_fills(tracked, [fill])
        return tracked

    async def _attribute_strays(self) -> None:
        strays, self._strays = self._strays, []
        for fill in strays:
            if await self._attribute(fill) is None:
                self._fills += await self._external.orphan(fill)
