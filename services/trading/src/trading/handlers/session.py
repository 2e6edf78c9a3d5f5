"""One session's life: take the lease, connect, reconcile, serve, and let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from contracts.message import Command, Metadata, Reply, utc_now
from contracts.rejections import Rejection, Unavailable
from contracts.trading import (
    CancelOrder,
    CancelOrders,
    ClosePositions,
    PlaceOrder,
    RefreshBalances,
    ReleaseSession,
    ReloadRiskLimits,
    SessionState,
)
from eventlog.errors import Fenced
from eventlog.execute import execute
from eventlog.log import EventLog
from service_kit.supervisor import HEALTHY_AFTER, backoff

from trading.domain.session import SESSION, Fail, Phase, RecordReconciled, Release, SessionCommand, Start, Stop
from trading.handlers.endings import Ended, SessionEnding, leaves, spawning, still_wanted, stop_all, to_the_end, until_lost
from trading.handlers.executor_posts import Post
from trading.handlers.funding import Funding
from trading.handlers.live import Live, session_stream, stored
from trading.handlers.measures import SessionCondition
from trading.handlers.orders import Orders
from trading.handlers.outcomes import Outcomes
from trading.handlers.position_closing import PositionClosing
from trading.handlers.positions import Positions
from trading.handlers.reconcile import Reconciliation
from trading.handlers.rehearsal import Rehearsal
from trading.handlers.risk import RiskGuard
from trading.handlers.surroundings import Lease, Stoppable, Surroundings
from trading.handlers.updates import Updates
from trading.views.executors import executors_on
from trading.views.order_book import SessionOrders
from trading.views.sessions import complete_until

logger = logging.getLogger(__name__)

LEASE_POLL_SECONDS = 0.25
LEAVE_POLLS = 40
"""A session that is to run elsewhere is looked at this rarely."""
STOP_SECONDS = 8.0
LONGEST_PAUSE = {Unavailable: 15.0, Rejection: 60.0}
"""Seconds before a session that failed is tried again. An exchange that is back is soon traded on; wrong keys stay wrong."""


class SessionRunner:
    """Runs one session until it is stopped. Whoever holds the lease runs it; the others wait for the lease."""

    def __init__(self, account: str, connector: str, credential_version: int, around: Surroundings) -> None:
        self.account = account
        self.connector = connector
        self.credential_version = credential_version
        self._around = around
        self._live: Live | None = None
        self._post: Post | None = None
        self.ending = False
        self._failed = False
        self._left = 0
        self._stop_reason = ""
        self._stopping = asyncio.Event()
        self._let_go = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def holding(self) -> bool:
        """Whether this replica holds the session."""
        return self._live is not None

    @property
    def post(self) -> Post | None:
        """Where executors send orders; None while no orders are taken here."""
        taking = self._post is not None and self._post.live.accepting and self._post.live.held()
        return self._post if taking else None

    @property
    def condition(self) -> SessionCondition:
        """How the session is here."""
        if self._live is not None:
            return SessionCondition.READY if self._live.accepting else SessionCondition.STARTING
        return SessionCondition.FAILED if self._failed else SessionCondition.WAITING

    async def run(self) -> None:
        """Hold the session whenever its lease is free, until stopped. Failures are recorded and tried again with backoff."""
        self._idle.clear()
        try:
            await self._keep_trying()
        finally:
            self._idle.set()
            self._let_go.set()

    async def stop(self, reason: str) -> None:
        """End `run` gracefully; returns when it ended, or after STOP_SECONDS."""
        await self._end(reason, self._idle)

    async def _end(self, reason: str, done: asyncio.Event) -> None:
        self._stop_reason = self._stop_reason or reason
        self._stopping.set()
        try:
            await asyncio.wait_for(done.wait(), STOP_SECONDS)
        except TimeoutError:
            logger.error("session does not stop", extra=self._fields())

    async def _keep_trying(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            failure: Rejection | Unavailable | None = None
            lease = await self._acquire() if self._may_try() else None
            if lease is not None:
                began = asyncio.get_running_loop().time()
                try:
                    failure = await self._hold(lease)
                    self._failed = failure is not None
                    still_wanted()
                finally:
                    self._live = self._post = None
                    await to_the_end(lease.release())
                attempt = 1 if asyncio.get_running_loop().time() - began > HEALTHY_AFTER else attempt + 1
            await self._pause(LEASE_POLL_SECONDS if failure is None else _before_again(attempt, failure))

    def _may_try(self) -> bool:
        """Whether the account is to run here, or was left alone for too long by whoever is to run it."""
        self._left = 0 if self._around.places.mine(self.account) else self._left + 1
        return self._left % LEAVE_POLLS == 0

    async def _acquire(self) -> Lease | None:
        try:
            lease: Lease | None = await self._around.leases.acquire("session", f"{self.account}.{self.connector}")
        except Unavailable as error:
            logger.warning("no lease: %s", error.detail, extra=self._fields())
            return None
        return lease

    async def release(self, command: ReleaseSession, metadata: Metadata) -> SessionState:
        """Stop for good on this credential. Refused: OrdersOpen unless forced."""
        live = self._live
        accepted = live is not None and live.accepting
        if live is not None:
            live.accepting = False
            await live.quiet.wait()
        try:
            await record_release(self._around.log, command, metadata)
        except (Rejection, Unavailable):
            if live is not None:
                live.accepting = accepted
            raise
        # Not until `run` has ended: that waits for the answer to this very command.
        await self._end("released", self._let_go)
        return SessionState(account=self.account, connector=self.connector, state=Phase.STOPPED.value, reason="released")

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _hold(self, lease: Lease) -> Rejection | Unavailable | None:
        """Serve while the lease is held. Why it failed; None when it was stopped or the lease was lost."""
        failures: list[Rejection | Unavailable] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(until_lost(lease))
                await self._serve(lease, tasks)
        except* (Ended, Fenced, SessionEnding):
            logger.info("session let go", extra=self._fields())
        except* (Rejection, Unavailable) as group:
            failures = [error for error in leaves(group) if isinstance(error, Rejection | Unavailable)]
        if failures and lease.held:
            fail = Fail(account=self.account, connector=self.connector, reason=str(failures[0]))
            await self._record(lease, fail)
            logger.warning("session failed: %s", failures[0], extra=self._fields())
        return failures[0] if failures else None

    async def _serve(self, lease: Lease, tasks: asyncio.TaskGroup) -> None:
        around = self._around
        start = Start(
            account=self.account, connector=self.connector, credential_version=self.credential_version, holder=around.holder
        )
        since = await complete_until(around.log, self.account, self.connector)
        await self._record(lease, start)
        self.credential_version, fields = await around.credentials.reveal(self.account, self.connector)
        exchange = around.exchanges.session(self.account, self.connector, fields, lambda: lease.held)
        live = Live(
            exchange,
            around.log,
            lease.fence,
            around.pace,
            spawn=spawning(tasks),
            held=lambda: lease.held,
            measures=around.measures,
        )
        self._live = live
        subscriptions: list[Stoppable] = []
        try:
            await exchange.start()
            await self._go_live(live, tasks, since or utc_now(), subscriptions)
            await self._stopping.wait()
            await self._wind_down(live, lease)
        finally:
            live.accepting = False
            await exchange.stop()
            if self._stopping.is_set():
                self._let_go.set()
            await to_the_end(stop_all(subscriptions))
        raise Ended

    async def _go_live(self, live: Live, tasks: asyncio.TaskGroup, since: datetime, subscriptions: list[Stoppable]) -> None:
        outcomes = Outcomes(live)
        reconciliation = Reconciliation(live, outcomes, since)
        updates = Updates(live, outcomes, reconciliation)
        await reconciliation.adopt_stored()
        tasks.create_task(updates.consume())
        tasks.create_task(updates.report_balances())
        found = await self._reconcile_first(live, reconciliation)
        risk = RiskGuard(live)
        tasks.create_task(risk.facts.keep())
        orders = Orders(live, outcomes, risk)
        positions = Positions(live)
        tasks.create_task(positions.keep())
        tasks.create_task(Funding(live).keep())
        served: dict[type[Command], Callable[[Any, Metadata], Awaitable[Reply]]] = {
            PlaceOrder: orders.place,
            CancelOrder: orders.cancel,
            CancelOrders: orders.cancel_all,
            **Rehearsal(live, orders, risk).served(),
            ClosePositions: PositionClosing(live, orders).close,
            RefreshBalances: orders.refresh_balances,
            ReleaseSession: self.release,
            **positions.served(),
        }

        async def serve(command: type[Command], handler: Callable[[Any, Metadata], Awaitable[Reply]]) -> None:
            commands = self._around.commands
            subscriptions.append(
                await commands.session_command(command, handler, account=self.account, connector=self.connector)
            )

        # Limits that are set from here on reach this session; those set before are read now.
        await to_the_end(serve(ReloadRiskLimits, risk.reload))
        await risk.load()
        live.accepting = True
        self._post = Post(live, orders)
        for command, handler in served.items():
            await to_the_end(serve(command, handler))
        await reconciliation.record(found)  # ready: commands are answered
        tasks.create_task(reconciliation.keep())

    async def _reconcile_first(self, live: Live, reconciliation: Reconciliation) -> RecordReconciled:
        """Reconcile once, on this connection: an exchange in trouble may answer to some calls only, and a start needs many."""
        while True:
            try:
                return await reconciliation.look(notable=True)
            except Unavailable as error:
                if isinstance(error, Fenced) or self._stopping.is_set():
                    raise
                await reconciliation.failed(error)
                await self._pause(live.pace.ask_longest)

    async def _wind_down(self, live: Live, lease: Lease) -> None:
        """Take no more orders, hear the outcomes of those under way, and say that the session stopped."""
        live.accepting = False
        under_way = [task for each in live.tracked.values() for task in each.effects]
        if under_way:
            await asyncio.wait(under_way, timeout=live.pace.drain)
        await live.exchange.stop()
        await self._record(lease, Stop(account=self.account, connector=self.connector, reason=self._stop_reason))

    async def _record(self, lease: Lease, command: SessionCommand) -> None:
        stream = session_stream(self.account, self.connector)
        await stored(self._around.log, SESSION, stream, command, fence=lease.fence, metadata=Metadata(actor="trading"))

    def _fields(self) -> dict[str, str]:
        return {"account": self.account, "connector": self.connector}


async def record_release(log: EventLog, command: ReleaseSession, metadata: Metadata) -> None:
    """Record that a session is to stop, whether or not it runs. Refused: OrdersOpen unless forced."""
    account, connector = command.account, command.connector
    count, running = await SessionOrders(log, account, connector).count_open(), await executors_on(log, account, connector)
    release = Release(account=account, connector=connector, open_orders=count, executors=running, force=command.force)
    await execute(log, SESSION, session_stream(account, connector), release, metadata)


def _before_again(attempt: int, failure: Rejection | Unavailable) -> float:
    return backoff(attempt, first=1, longest=next(each for kind, each in LONGEST_PAUSE.items() if isinstance(failure, kind)))
