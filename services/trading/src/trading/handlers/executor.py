"""One executor at work: the engine's object is driven, told of its orders, and its state stored before anything it asks for.

An order leaves here only after the state that asked for it is stored. So whoever takes the executor up again, after a crash or
in another replica, knows every order that can exist, and an order of that state which was never stored as an intent never left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from contracts import naming
from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import ExecutorConfigInvalid, ExecutorCreated, ExecutorProgressed, ExecutorStatus
from eventlog.execute import load
from eventlog.log import EventLog
from eventlog.recorded import Fence

from trading.domain.executor import EXECUTOR, Executor
from trading.domain.executor_commands import Begin, ExecutorCommand, Falter, Progress, TakeUp
from trading.domain.executor_orders import Role, Seen
from trading.handlers.executor_close import Closing, never_ran
from trading.handlers.executor_engine import Absent, Ended, ExecutorEngine, LiveExecutor, Reopened
from trading.handlers.executor_fees import Fees
from trading.handlers.executor_figures import figures, sampled
from trading.handlers.executor_leverage import set_leverage
from trading.handlers.executor_orders import Followed, OrderBook, shown, unsent, wanted_of
from trading.handlers.executor_posts import Post, listed
from trading.handlers.executor_telling import tell
from trading.handlers.live import stored
from trading.views.executor_figures import Sample

logger = logging.getLogger(__name__)

STEP_SECONDS = 1.0
STUCK_SECONDS = 60.0
POKE_SECONDS = 5.0
RUNS_TO_STOP = 3
"""How often the engine's object is tried again after somebody wished it to end; then it is ended without it."""


class Performance:
    """An executor in this process, from where it stands until it is closed."""

    def __init__(self, log: EventLog, engine: ExecutorEngine, posts: Mapping[str, Post], fence: Fence, holder: str) -> None:
        """`posts` by connector; `fence` is that of its home session."""
        self._log = log
        self._engine = engine
        self._posts = posts
        self._measures = next(iter(posts.values())).live.measures
        self._fence = fence
        self._holder = holder
        self._state: Executor = EXECUTOR.initial
        self._version = 0
        self._storing = asyncio.Lock()
        self._stop_told: bool | None = None
        self._runs_to_stop = 0
        self._waits_since = 0.0
        self._stepped_at = 0.0
        self._blind = False
        self._poked_at = -POKE_SECONDS
        self._orders: OrderBook | None = None
        self._live: LiveExecutor | None = None

    async def run(self, executor_id: str) -> None:
        """Drive it until it is closed. Raises Unavailable and Fenced; run again, it goes on where it stood."""
        await self._reload(executor_id)
        created = self._state.created
        if created is None or self._state.closed is not None:
            return
        self._stop_told, self._blind = None, False
        self._runs_to_stop += self._state.stop is not None
        fees = Fees(executor_id, self._engine.rate, lambda: self._state, self._record_alone)
        orders = OrderBook(self._log, self._posts, created, len(self._state.orders), fees.converted)
        self._orders = orders
        try:
            if (ended := self._without_class()) is not None:
                await self._adopt(orders, self._state.progress)
                await self._end(created, ended, orders)
            else:
                await self._perform(created, orders)
        finally:
            self._orders = None
            await orders.close()

    def _without_class(self) -> Ended | None:
        """What ends it in place of its class: one that cannot go on, or had ended before its last order did."""
        if self._state.reopened is not None:
            return Reopened(self._state.reopened, self._state.progress)
        return Absent(self._state.progress) if self._runs_to_stop > RUNS_TO_STOP else None

    async def poke(self, executor_id: str) -> None:
        """Look again at what others stored of it, such as a wish to stop; now and then is enough once one is known."""
        now = asyncio.get_running_loop().time()
        if self._state.stop is not None and now - self._poked_at < POKE_SECONDS:
            return
        self._poked_at = now
        await self._reload(executor_id)
        if self._orders is not None:
            self._orders.news.set()

    async def falter(self, executor_id: str, reason: str) -> None:
        """Store why it does not go on."""
        await self._record(Falter(executor_id=executor_id, reason=reason, time=utc_now()))

    async def _perform(self, created: ExecutorCreated, orders: OrderBook) -> None:
        await self._engine.follow(created)
        try:
            progress = self._state.progress
            home = self._posts[created.markets[0].connector].live
            if progress is None and (reason := await set_leverage(home, created)) is not None:
                await self._record(never_ran(created, reason))
                return
            executor = await self._built(created, orders)
            if executor is None:
                return
            self._live = executor
            await (self._first(created, executor) if progress is None else self._resume(created, executor, orders, progress))
            await self._drive(created, executor, orders)
            await self._end(created, executor, orders)
        finally:
            self._live = None
            await self._engine.leave(created)

    async def _end(self, created: ExecutorCreated, executor: Ended, orders: OrderBook) -> None:
        closing = Closing(created, orders, self._posts, lambda: self._store(created, executor, orders))
        end = await closing.finish(executor, lambda: self._state, self._record)
        await self._record(end)
        logger.info("closed: %s%s", end.close_type.value, f", {end.reason}" if end.reason else "")

    def sample(self) -> Sample | None:
        """Its figures now; None while it does not run, or at a moment in which the engine's object cannot tell."""
        created, executor = self._state.created, self._live
        return None if created is None or executor is None else sampled(created.executor_id, executor)

    async def _built(self, created: ExecutorCreated, orders: OrderBook) -> LiveExecutor | None:
        """The engine's object; None when its class refuses the configuration, which closes a new executor."""
        sessions = {name: post.live.exchange for name, post in self._posts.items()}
        for market in created.markets:
            await listed(sessions[market.connector], market)
        try:
            return self._engine.executor(created, sessions, orders.place, orders.cancel)
        except ExecutorConfigInvalid as refused:
            if self._state.orders:
                raise
            await self._record(never_ran(created, refused.detail))
            return None

    async def _reload(self, executor_id: str) -> None:
        self._newer(*await load(self._log, EXECUTOR, executor_stream(executor_id)))

    async def _record(self, command: ExecutorCommand) -> None:
        stream, metadata = executor_stream(command.executor_id), Metadata(actor=f"executor:{command.executor_id}")
        done = await stored(self._log, EXECUTOR, stream, command, fence=self._fence, metadata=metadata)
        self._newer(done.state, done.version)

    async def _record_alone(self, command: ExecutorCommand) -> None:
        async with self._storing:
            await self._record(command)

    def _newer(self, state: Executor, version: int) -> None:
        """What is read and what is stored at the same time may be told in any order."""
        if version >= self._version:
            self._state, self._version = state, version

    async def _first(self, created: ExecutorCreated, executor: LiveExecutor) -> None:
        await self._record(Begin(executor_id=created.executor_id, holder=self._holder, time=utc_now()))
        logger.info("started by %s", self._holder)
        await executor.begin()

    async def _resume(
        self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook, progress: ExecutorProgressed
    ) -> None:
        adopted, recovered = await self._adopt(orders, progress)
        executor.restore(progress.state, [shown(each) for each in orders.pictures.values()])
        taken = TakeUp(
            executor_id=created.executor_id,
            holder=self._holder,
            orders_adopted=adopted,
            fills_recovered=recovered,
            time=utc_now(),
        )
        await self._record(taken)
        logger.info("resumed by %s: %s orders adopted, %s fills found", self._holder, adopted, recovered)

    async def _adopt(self, orders: OrderBook, progress: ExecutorProgressed | None) -> tuple[int, int]:
        """Follow the orders it was not told the end of; how many are open, and how many executions it was not told of."""
        for order_id in self._state.orders:
            await orders.look(order_id)
        adopted, recovered = 0, 0
        for order_id, kept in (progress.seen if progress is not None else {}).items():
            seen = Seen.decoded(kept if isinstance(kept, dict) else {})
            orders.changed.add(order_id)
            if seen.role is Role.FAILED:
                orders.doubt(order_id, seen)
                continue
            found = orders.pictures.get(order_id)
            wanted = unsent(orders.created) if found is None else wanted_of(found)
            orders.follow(order_id, Followed(wanted, None, seen, refused=found is None))
            adopted += found is not None and found.state.closed is None
            recovered += len(found.fills) - seen.fills if found is not None else 0
        return adopted, recovered

    async def _drive(self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook) -> None:
        self._waits_since = self._stepped_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._store_when_asked(created, executor, orders))
            while executor.status is not ExecutorStatus.TERMINATED and not self._stuck(executor, orders):
                orders.news.clear()
                orders.check()
                await tell(executor, orders)
                self._tell_stop(executor)
                await self._step(created, executor)
                await self._store(created, executor, orders)
                await self._until_due(orders)
            sending.cancel()
        await self._store(created, executor, orders)

    async def _until_due(self, orders: OrderBook) -> None:
        """Wait for news, or for the next step's time."""
        loop = asyncio.get_running_loop()
        due = loop.time() + STEP_SECONDS
        try:
            async with asyncio.timeout_at(due):
                await orders.news.wait()
        except TimeoutError:
            self._measures.stepped(loop.time() - due)

    async def _step(self, created: ExecutorCreated, executor: LiveExecutor) -> None:
        """One step; without a live price it waits for one, as the engine's own loop does."""
        try:
            await executor.step()
        except Unavailable as error:
            if not self._blind:
                logger.warning("executor %s waits: %s", created.executor_id, error.detail)
                await self.falter(created.executor_id, error.detail)
            self._blind = True
        else:
            if self._blind:
                logger.info("executor %s goes on", created.executor_id)
            self._blind = False
            self._stepped_at = asyncio.get_running_loop().time()

    def _stuck(self, executor: LiveExecutor, orders: OrderBook) -> bool:
        """Whether it means to end but cannot: it waits for nothing, as some classes do not hear that an order was cancelled,
        or it is to stop and has no prices to step by.
        """
        now = asyncio.get_running_loop().time()
        if executor.status is not ExecutorStatus.SHUTTING_DOWN or orders.followed:
            self._waits_since = now
        blind = self._state.stop is not None and now - self._stepped_at > STUCK_SECONDS
        return blind or now - self._waits_since > STUCK_SECONDS

    async def _store_when_asked(self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook) -> None:
        """A step may wait for seconds in its midst; what it asked for before goes out at once."""
        while True:
            await orders.asked.wait()
            orders.asked.clear()
            await self._store(created, executor, orders)

    async def _store(self, created: ExecutorCreated, executor: Ended, orders: OrderBook) -> None:
        """Store the state if it changed, then send what it asked for."""
        async with self._storing:
            asked = orders.take()
            placing = tuple(order_id for order_id, place in asked if place)
            status, state, seen = executor.status, executor.state(), orders.seen
            before = self._state.progress
            if placing or before is None or (before.status, before.state, before.seen) != (status, state, seen):
                progress = Progress(
                    executor_id=created.executor_id,
                    status=status,
                    state=state,
                    placing=placing,
                    seen=seen,
                    figures=figures(executor),
                )
                await self._record(progress)
            orders.send(asked)

    def _tell_stop(self, executor: LiveExecutor) -> None:
        stop = self._state.stop
        if stop is None or stop.keep_position is self._stop_told:
            return
        if executor.status is not ExecutorStatus.SHUTTING_DOWN:
            logger.info("stopping, %s: %s", stop.reason, "keeps its position" if stop.keep_position else "closes its position")
            executor.early_stop(keep_position=stop.keep_position)
        self._stop_told = stop.keep_position


def executor_stream(executor_id: str) -> str:
    """The stream of an executor."""
    return naming.stream_id("trading", "executor", executor_id)
