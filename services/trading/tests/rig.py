"""One session on the exchange in memory, with a real event log: everything of trading but NATS and the engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contracts.message import Event, Metadata
from contracts.trading import (
    CancelOrder,
    CancelRequested,
    OrderAccepted,
    OrderType,
    PlaceOrder,
    SearchOrders,
    SearchTrades,
    Side,
)
from eventlog.log import EventLog
from eventlog.recorded import FeedPosition, Fence
from fake_exchange import FakeExchange
from trading import migrations
from trading.handlers.exchange import OrderTicket, Outcome
from trading.handlers.live import Pace
from trading.handlers.session import SessionRunner
from trading.handlers.surroundings import Surroundings
from trading.views.executor_totals import ExecutorTotalsView
from trading.views.executors import ExecutorsView
from trading.views.funding import FundingView
from trading.views.holds import HoldsView
from trading.views.order_pages import search_orders
from trading.views.orders import OrdersView
from trading.views.positions import PositionsView
from trading.views.reconciliation import ReconciliationView
from trading.views.sessions import SessionsView
from trading.views.trade_pages import search_trades
from trading.views.trades import TradesView

ACCOUNT, CONNECTOR, PAIR = "master_account", "binance", "BTC-USDT"
FAST = Pace(settle=0.3, reconcile=0.2, ask=0.02, ask_longest=0.1, balances=0.02, drain=0.2, fills_late=0.1)


SERVED = 15
"""Place, cancel, rehearsals (four), cancel all, balances, release, reload limits; positions, close, mode (two), leverage."""
DEADLINE = 30
"""Seconds a condition may take on a busy machine."""


def new_log(database_url: str) -> EventLog:
    """Trading's log with its views and the tables of its revisions, not started."""
    executors = (ExecutorsView(), ExecutorTotalsView(), HoldsView())
    views = (OrdersView(), TradesView(), SessionsView(), *executors, PositionsView(), FundingView(), ReconciliationView())
    return EventLog(database_url, context="trading", views=views, migrations=migrations.DIRECTORY)


class RigLease:
    """A lease that is held until it is released or lost."""

    def __init__(self, fence: Fence) -> None:
        self.fence = fence
        self.lost = asyncio.Event()

    @property
    def held(self) -> bool:
        return not self.lost.is_set()

    async def release(self) -> None:
        self.lost.set()


@dataclass
class RigLeases:
    """Leases from memory, with real fences."""

    log: EventLog
    given: list[RigLease] = field(default_factory=list)

    async def acquire(self, noun: str, id_: str) -> RigLease | None:
        if any(lease.held for lease in self.given):
            return None
        lease = RigLease(await self.log.raise_fence(f"{noun}.{id_}"))
        self.given.append(lease)
        return lease


@dataclass
class RigCommands:
    """The session's command handlers by name, called directly."""

    handlers: dict[str, Callable[[Any, Metadata], Awaitable[Any]]] = field(default_factory=dict)

    async def session_command(self, command: type[Any], handler: Any, *, account: str, connector: str) -> Any:
        self.handlers[command.__name__] = handler
        handlers = self.handlers

        class Served:
            async def stop(self) -> None:
                handlers.pop(command.__name__, None)

        return Served()


@dataclass
class RigVault:
    """One credential."""

    version: int = 1
    fields: dict[str, str] = field(default_factory=lambda: {"binance_api_key": "key", "binance_api_secret": "secret"})

    async def reveal(self, account: str, connector: str) -> tuple[int, dict[str, str]]:
        return self.version, dict(self.fields)


class Rig:
    """Starts, serves, kills and restarts one session. `pause_submit` holds submits before or after they reach the exchange."""

    def __init__(self, log: EventLog, pace: Pace = FAST, connector: str = CONNECTOR) -> None:
        self.log = log
        self.connector = connector
        self.exchange = FakeExchange()
        self.commands = RigCommands()
        self.vault = RigVault()
        self.leases = RigLeases(log)
        self.around = Surroundings(log, self.leases, self.commands, self.vault, self.exchange, "rig", pace)
        self.runner: SessionRunner | None = None
        self.task: asyncio.Task[None] | None = None

    async def start(self, *, wait: bool = True) -> None:
        self.runner = SessionRunner(ACCOUNT, self.connector, self.vault.version, self.around)
        self.task = asyncio.create_task(self.runner.run())
        if wait:
            await self.until(self._started)

    async def _started(self) -> bool:
        """Whether the session is ready, or has ended."""
        if self.task is None or self.task.done():
            return True
        return len(self.commands.handlers) == SERVED and await self.ready()

    async def ready(self) -> bool:
        """Whether the session is recorded as ready."""
        rows = await self.log.fetch("SELECT state FROM sessions")
        return [row["state"] for row in rows] == ["ready"]

    async def kill(self) -> None:
        """End it as kill -9 does: nothing more is recorded."""
        if self.task is None:
            return
        for lease in self.leases.given:
            lease.lost.set()
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        self.task = None

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.stop("test")
        await self.kill()

    def hold_submits(self, *, reached: bool) -> asyncio.Event:
        """From now on submits hang, having reached the exchange or not; the event is set when one hangs."""
        hanging = asyncio.Event()
        session = self.exchange.sessions[-1]

        async def submit(order: OrderTicket) -> Outcome:
            if reached:
                self.exchange.place(order)
            hanging.set()
            await asyncio.Event().wait()
            raise AssertionError

        session.submit = submit  # type: ignore[method-assign]
        return hanging

    def order(self, **changes: Any) -> PlaceOrder:
        base: dict[str, Any] = {
            "account": ACCOUNT,
            "connector": self.connector,
            "trading_pair": PAIR,
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "amount": Decimal("0.5"),
            "price": Decimal("50000"),
        }
        return PlaceOrder(**{**base, **changes})

    async def place(self, metadata: Metadata | None = None, **changes: Any) -> str:
        accepted: OrderAccepted = await self.commands.handlers["PlaceOrder"](self.order(**changes), metadata or Metadata())
        return accepted.order_id

    async def cancel(self, order_id: str) -> CancelRequested:
        command = CancelOrder(account=ACCOUNT, connector=self.connector, order_id=order_id)
        answer: CancelRequested = await self.commands.handlers["CancelOrder"](command, Metadata())
        return answer

    async def row(self, order_id: str) -> dict[str, Any]:
        page = json.loads(await search_orders(self.log, SearchOrders(limit=1000)))
        return next((item for item in page["data"] if item["order_id"] == order_id), {})

    async def trades(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = json.loads(await search_trades(self.log, SearchTrades(limit=1000)))["data"]
        return data

    async def events(self, order_id: str) -> list[Event]:
        return [recorded.event for recorded in await self.log.read(f"trading.order-{order_id}")]

    async def names(self, order_id: str) -> list[str]:
        return [type(event).__name__ for event in await self.events(order_id)]

    async def session_events(self) -> list[Event]:
        return [recorded.event for recorded in await self.log.read(f"trading.session-{ACCOUNT}.{self.connector}")]

    async def all_events(self) -> list[Event]:
        return [recorded.event for recorded in await self.log.feed(FeedPosition(), 100_000)]

    async def status(self, order_id: str, *wanted: str, seconds: float = DEADLINE) -> dict[str, Any]:
        """The order's row once its status is one of `wanted`."""
        async with asyncio.timeout(seconds):
            while True:
                row = await self.row(order_id)
                if row.get("status") in wanted:
                    return row
                await asyncio.sleep(0.01)

    async def until(self, check: Callable[[], Any], seconds: float = DEADLINE) -> None:
        async with asyncio.timeout(seconds):
            while True:
                found = check()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.01)
