"""The facts that a session's risk guard judges by, kept as orders and fills are recorded.

The tables and the exchange are read only when the watch begins; from then on an order costs the same whatever came before it.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal

from contracts.message import utc_now
from contracts.rejections import Unavailable
from contracts.trading import FundingPaid, OrderFilled, OrderPlaced, PlaceOrder, PositionAction, Side

from trading.domain import money
from trading.domain.risk import Facts
from trading.domain.risk_book import MINUTE, Execution, Recent, Results, Venue, Waiting
from trading.handlers.live import Live, Tracked
from trading.views.risk import FillRow, FundingRow, fills_since, funding_since, placed_since

logger = logging.getLogger(__name__)

HISTORY = timedelta(days=7)
"""How far back executions are read for the average entry prices that the day's realised result is counted from."""
QUIET_SECONDS = 5.0
"""Positions are read again only when nothing executed for this long: an execution may be in them or still on its way."""


class RiskFacts:
    """The open orders, the orders of the last minute, the positions and the day's result of one session."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.watching = False
        self.venue = Venue()
        self._waiting = Waiting()
        self._recent = Recent()
        self._results = Results()
        self._positions: dict[str, Decimal] = {}
        self._late: list[Execution] | None = None
        self._late_funding: list[FundingRow] = []
        self._fills = 0
        self._filled_at = -QUIET_SECONDS

    async def begin(self) -> None:
        """Learn the facts; what happens meanwhile is counted too. Raises Unavailable."""
        live = self._live
        holdings = await live.exchange.holdings()
        self.venue = Venue(holdings.derivative, holdings.hedged)
        self._waiting, self._late, self.watching = Waiting(), [], True
        self._late_funding = []
        try:
            for tracked in list(live.tracked.values()):
                self.changed(tracked)
            await self._read_positions()
            await self._read_history()
        except Unavailable:
            self.watching = False
            raise
        finally:
            self._late = None

    def end(self) -> None:
        """Watch no more."""
        self.watching = False

    async def keep(self) -> None:
        """Compare the positions with the exchange's now and then: deposits, liquidations and transfers change them too."""
        while True:
            await asyncio.sleep(self._live.pace.reconcile)
            quiet = asyncio.get_running_loop().time() - self._filled_at >= QUIET_SECONDS
            if self.watching and quiet:
                try:
                    await self._read_positions()
                except Unavailable as error:
                    fields = {"account": self._live.account, "connector": self._live.connector}
                    logger.warning("positions cannot be read: %s", error.detail, extra=fields)

    def changed(self, tracked: Tracked) -> None:
        """An order has this state now."""
        if not self.watching:
            return
        state, origin = tracked.state, tracked.state.origin
        if origin is None or state.closed is not None:
            self._waiting.drop(tracked.order_id)
            return
        rest = max(Decimal(0), money.add(origin.amount, -state.filled_amount))
        book = self.venue.book(origin.trading_pair, origin.side, _action(tracked))
        self._waiting.put(tracked.order_id, book, origin.side, rest)

    def filled(self, tracked: Tracked, fill: OrderFilled) -> None:
        """An execution was recorded."""
        if not self.watching:
            return
        done = Execution(
            order_id=fill.order_id,
            trade_id=fill.trade_id,
            trading_pair=fill.trading_pair,
            side=fill.side,
            action=_action(tracked),
            amount=fill.amount,
            price=fill.price,
            fee=fill.fee,
            fee_token=fill.fee_token,
            time=fill.time,
        )
        self._fills += 1
        self._filled_at = asyncio.get_running_loop().time()
        book = self.venue.book(done.trading_pair, done.side, done.action)
        signed = done.amount if done.side is Side.BUY else -done.amount
        self._positions[book] = money.add(self._positions.get(book, Decimal(0)), signed)
        if self._late is not None:
            self._late.append(done)
        else:
            self._count(done)

    def funded(self, payment: FundingPaid) -> None:
        """A funding payment was recorded."""
        if not self.watching:
            return
        paid = FundingRow(payment.trading_pair, payment.exchange_funding_id, payment.amount, payment.token, payment.time)
        if self._late is not None:
            self._late_funding.append(paid)
        else:
            self._results.pay(paid.token, paid.amount, paid.time)

    def coming(self, order_id: str, order: PlaceOrder, amount: Decimal) -> None:
        """An order is about to be placed."""
        self._recent.add(utc_now())
        self._waiting.put(order_id, self.venue.book(order.trading_pair, order.side, order.position_action), order.side, amount)

    def withdrawn(self, order_id: str) -> None:
        """It was not placed after all."""
        self._waiting.drop(order_id)
        self._recent.withdraw()

    def tokens(self) -> frozenset[str]:
        """The tokens besides dollars that the day's result is in."""
        return self._results.tokens()

    def of(self, order_id: str, order: PlaceOrder, balance: Decimal, worth: dict[str, Decimal]) -> Facts:
        """What is known at this moment. `balance` is that of a spot order's base token, `worth` prices tokens in dollars."""
        book, now = self.venue.book(order.trading_pair, order.side, order.position_action), utc_now()
        self._results.turn(now.date())
        # The same command may come again while it is being carried out.
        again = order_id in self._waiting
        position = self._positions.get(book, Decimal(0))
        return Facts(
            open_orders=len(self._waiting) - again,
            recent_orders=self._recent.count(now) - again,
            position=position if self.venue.derivative else max(position, balance),
            buying=self._waiting.of(book, Side.BUY),
            selling=self._waiting.of(book, Side.SELL),
            loss=self._results.loss(worth),
            derivative=self.venue.derivative,
        )

    async def _read_history(self) -> None:
        live, now = self._live, utc_now()
        recent = Recent()
        for time in await placed_since(live.log, live.account, live.connector, now - MINUTE):
            recent.add(time)
        stored = [_execution(row) for row in await fills_since(live.log, live.account, live.connector, now - HISTORY)]
        known = {(each.order_id, each.trade_id) for each in stored}
        self._recent, self._results = recent, Results()
        for each in [*stored, *(late for late in self._late or () if (late.order_id, late.trade_id) not in known)]:
            self._count(each)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        paid = await funding_since(live.log, live.account, live.connector, midnight)
        for payment in dict.fromkeys([*paid, *self._late_funding]):
            self._results.pay(payment.token, payment.amount, payment.time)

    async def _read_positions(self) -> None:
        while True:
            seen = self._fills
            holdings = await self._live.exchange.holdings()
            if seen == self._fills:
                self._positions = dict(holdings.amounts)
                return

    def _count(self, done: Execution) -> None:
        book = self.venue.book(done.trading_pair, done.side, done.action)
        self._results.add(done, book if self.venue.derivative else done.trading_pair)


def _execution(row: FillRow) -> Execution:
    return Execution(
        order_id=row.order_id,
        trade_id=row.trade_id,
        trading_pair=row.trading_pair,
        side=Side(row.side),
        action=PositionAction(row.action),
        amount=row.amount,
        price=row.price,
        fee=row.fee,
        fee_token=row.fee_token,
        time=row.time,
    )


def _action(tracked: Tracked) -> PositionAction:
    origin = tracked.state.origin
    return origin.position_action if isinstance(origin, OrderPlaced) else tracked.ticket.position_action
