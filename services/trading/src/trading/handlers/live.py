"""One running session: the exchange it talks to, the orders it follows, and the way facts about them are recorded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from contracts import naming
from contracts.message import Command, Event, Metadata
from contracts.rejections import Unavailable
from contracts.trading import FundingPaid, OrderEvent, OrderFilled, OrderType, PositionAction, Side
from eventlog.decider import Decider
from eventlog.errors import Fenced
from eventlog.execute import Executed, execute, load
from eventlog.log import EventLog
from eventlog.recorded import Fence
from service_kit.metrics import Metrics

from trading.domain.order import ORDER
from trading.domain.order_commands import OrderCommand
from trading.domain.order_state import Order
from trading.domain.session import SESSION, Recordable, Session, SessionCommand
from trading.handlers.exchange import ExchangeSession, OrderTicket
from trading.handlers.measures import Measures
from trading.views.order_book import OrderRow, SessionOrders

logger = logging.getLogger(__name__)

STORE_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a session is, in seconds.

    `settle`: after which nothing of ours can still be on its way to the exchange; longer than the exchange's receive window.
    `patience`: how long an order may wait for its place in the exchange's rate limits; one that would wait longer is refused.
    `fills_late`: how long executions may trail the report they belong to.
    `balances`: the least time between two reports of balances, and of positions. `positions`: how often they are asked for.
    `overlap`: how far before the last reconciliation the trade history is read again.
    """

    settle: float = 10.0
    patience: float = 1.0
    reconcile: float = 60.0
    ask: float = 0.5
    ask_longest: float = 5.0
    balances: float = 1.0
    positions: float = 30.0
    overlap: float = 300.0
    checkpoint: float = 3600.0
    drain: float = 2.0
    fills_late: float = 2.0

    @property
    def funding(self) -> float:
        """How often funding payments are asked for, should nothing tell of one: with every fifth reconciliation."""
        return 5 * self.reconcile


@dataclass(slots=True)
class Tracked:
    """An order that may be alive. `ticket.order_id` is the exchange's client order id, `order_id` ours; they rarely differ.

    `stored_at` is the monotonic time (not the loop's: uvloop counts whole milliseconds) at which this session stored the
    intent, `submitting` and `cancelling` are the effects under way, `resolving` the task that asks for an unknown outcome,
    `missing_since` the loop time at which the exchange first said that it does not know the order, `short_since` that at
    which it first called the order filled while the known executions fell short of its amount.
    """

    order_id: str
    ticket: OrderTicket
    state: Order
    stored_at: float | None = None
    submitting: asyncio.Task[None] | None = None
    cancelling: asyncio.Task[None] | None = None
    resolving: asyncio.Task[None] | None = None
    missing_since: float | None = None
    short_since: float | None = None

    @property
    def busy(self) -> bool:
        """Whether an effect of ours is under way, so that the exchange's word says nothing yet."""
        return bool(self.effects)

    @property
    def effects(self) -> list[asyncio.Task[None]]:
        """The effects under way."""
        return [task for task in (self.submitting, self.cancelling) if task is not None and not task.done()]


def under_way(task: asyncio.Task[None] | None) -> bool:
    """Whether a task was started and has not ended."""
    return task is not None and not task.done()


def ticket_of(row: OrderRow) -> OrderTicket:
    """The order as the exchange is asked about it."""
    return OrderTicket(
        order_id=row.client_order_id,
        trading_pair=row.trading_pair,
        side=Side(row.side),
        order_type=OrderType(row.order_type),
        amount=row.amount,
        price=row.price,
        placed_at=row.created_at,
        position_action=PositionAction(row.position_action),
        exchange_order_id=row.exchange_order_id,
    )


def order_stream(order_id: str) -> str:
    """The stream of an order."""
    return naming.stream_id("trading", "order", order_id)


def risk_stream(account: str) -> str:
    """The stream of an account's limits."""
    return naming.stream_id("trading", "risk", account)


def session_stream(account: str, connector: str) -> str:
    """The stream of a session."""
    return naming.stream_id("trading", "session", f"{account}.{connector}")


async def stored[S, C: Command, E: Event](
    log: EventLog, decider: Decider[S, C, E], stream: str, command: C, *, fence: Fence | None, metadata: Metadata | None = None
) -> Executed[S, E]:
    """Execute a command on a stream that only this session writes, waiting for the database as long as it takes.

    Raises Fenced, Rejection.
    """
    metadata = metadata or Metadata(actor="exchange")
    while True:
        try:
            return await execute(log, decider, stream, command, metadata, fence=fence, alone=True)
        except Fenced:
            raise
        except Unavailable as error:
            logger.warning("not stored yet: %s", error.detail, extra={"stream": stream, "command": type(command).__name__})
            await asyncio.sleep(STORE_AGAIN_SECONDS)


class Watch(Protocol):
    """Who is told of every order, execution and funding payment at the moment they are recorded."""

    def changed(self, tracked: Tracked) -> None:
        """An order has this state now."""

    def filled(self, tracked: Tracked, fill: OrderFilled) -> None:
        """An execution was recorded."""

    def funded(self, payment: FundingPaid) -> None:
        """A funding payment was recorded."""


class Live:
    """What the parts of a running session share.

    `spawn` runs a background task that ends with the session; `held` asks whether the session may still act; `pairs` are the
    trading pairs something happened on since they were last reconciled; `trades_listed`: the exchange lists past trades, and
    `trades_read` when it was last asked for those of each pair;
    `heard` is called when something happened to an order, by its id.
    """

    def __init__(
        self,
        exchange: ExchangeSession,
        log: EventLog,
        fence: Fence,
        pace: Pace,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        held: Callable[[], bool],
        measures: Measures | None = None,
    ) -> None:
        self.account = exchange.account
        self.connector = exchange.connector
        self.exchange = exchange
        self.log = log
        self.fence = fence
        self.pace = pace
        self.spawn = spawn
        self.held = held
        self.measures = measures or Measures(Metrics())
        self.accepting = False
        self.trades_listed = True
        self.placing = 0
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.reconnected = False
        self.stored_orders = SessionOrders(log, self.account, self.connector)
        self.tracked: dict[str, Tracked] = {}
        self.pairs: set[str] = set()
        self.trades_read: dict[str, datetime] = {}
        self.reconcile_now = asyncio.Event()
        self.balances_changed = asyncio.Event()
        self.positions_changed = asyncio.Event()
        self.funding_changed = asyncio.Event()
        self.heard: dict[str, Callable[[], None]] = {}
        self.watch: Watch | None = None

    @contextlib.contextmanager
    def order_coming(self) -> Iterator[None]:
        """While an order is placed; `quiet` is set when none is."""
        self.placing += 1
        self.quiet.clear()
        try:
            yield
        finally:
            self.placing -= 1
            if not self.placing:
                self.quiet.set()

    async def record(self, tracked: Tracked, command: OrderCommand, metadata: Metadata | None = None) -> tuple[OrderEvent, ...]:
        """Store what follows from a command, and follow the order, or stop to, accordingly. The events; none: nothing new."""
        done = await stored(self.log, ORDER, order_stream(tracked.order_id), command, fence=self.fence, metadata=metadata)
        # A repeated command tells the state it led to then, not the newest.
        state = done.state if not done.repeated else (await load(self.log, ORDER, order_stream(tracked.order_id)))[0]
        self.follow(tracked, state)
        if not done.repeated:
            self.measures.recorded(tracked.stored_at, done.events)
            if self.watch is not None:
                for event in done.events:
                    if isinstance(event, OrderFilled):
                        self.watch.filled(tracked, event)
        return done.events

    async def record_session(self, command: SessionCommand, metadata: Metadata | None = None) -> Executed[Session, Recordable]:
        """Store what follows for the session itself."""
        stream, metadata = session_stream(self.account, self.connector), metadata or Metadata(actor="trading")
        return await stored(self.log, SESSION, stream, command, fence=self.fence, metadata=metadata)

    def follow(self, tracked: Tracked, state: Order) -> None:
        """Take over an order's newest state."""
        tracked.state = state
        self.pairs.add(tracked.ticket.trading_pair)
        client_order_id = tracked.ticket.order_id
        if state.exchange_order_id != tracked.ticket.exchange_order_id:
            tracked.ticket = replace(tracked.ticket, exchange_order_id=state.exchange_order_id)
        if state.closed is not None:
            if self.tracked.pop(client_order_id, None) is not None:
                self.exchange.forget(client_order_id)
        elif state.origin is not None and client_order_id not in self.tracked:
            self.tracked[client_order_id] = tracked
            self.exchange.adopt(tracked.ticket)
        if self.watch is not None:
            self.watch.changed(tracked)
        if (hear := self.heard.get(tracked.order_id)) is not None:
            hear()

    async def find(self, client_order_id: str | None, exchange_order_id: str | None) -> Tracked | None:
        """The order the exchange means, alive or not; None when it is not known here. Raises Unavailable."""
        if client_order_id is not None and client_order_id in self.tracked:
            return self.tracked[client_order_id]
        row: OrderRow | None = None
        if client_order_id is not None:
            row = await self.stored_orders.by_client_order_id(client_order_id)
        if row is None and exchange_order_id is not None:
            row = (await self.stored_orders.by_exchange_order_ids([exchange_order_id])).get(exchange_order_id)
        return None if row is None else await self.tracked_of(row)

    async def tracked_of(self, row: OrderRow) -> Tracked:
        """The order of a stored row, followed if it is alive."""
        known = self.tracked.get(row.client_order_id)
        if known is not None:
            return known
        state, _ = await load(self.log, ORDER, order_stream(row.order_id))
        known = self.tracked.get(row.client_order_id)
        if known is not None:
            # Another task began to follow it meanwhile.
            return known
        tracked = Tracked(row.order_id, ticket_of(row), state)
        self.follow(tracked, state)
        return tracked
