"""One executor at work: the engine's object is driven, told of its orders, and its state stored before anything it asks for.

An order leaves here only after the state that asked for it is stored. So whoever takes the executor up again, after a crash or
in another replica, knows every order that can exist, and an order of that state which was never stored as an intent never left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from contracts import naming
from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import CloseType, ExecutorConfigInvalid, ExecutorCreated, ExecutorProgressed, ExecutorStatus
from eventlog.execute import load
from eventlog.log import EventLog
from eventlog.recorded import Fence
from pydantic import JsonValue

from trading.adapters.executor_orders import Placed, Wanted
from trading.domain.executor import EXECUTOR, Begin, Executor, ExecutorCommand, Progress, TakeUp
from trading.domain.executor_orders import Seen, news, told_of
from trading.handlers.exchange import ExchangeSession
from trading.handlers.executor_close import Closing, never_ran
from trading.handlers.executor_orders import Followed, OrderBook, Post, shown, unsent, wanted_of
from trading.handlers.live import stored

STEP_SECONDS = 1.0
STUCK_SECONDS = 60.0


class LiveExecutor(Protocol):
    """The engine's executor, as far as it is driven from here."""

    @property
    def status(self) -> ExecutorStatus:
        """How far it is."""
        ...

    @property
    def close_type(self) -> CloseType | None:
        """Why it ends or ended."""
        ...

    async def begin(self) -> None:
        """The first step."""

    def restore(self, state: Mapping[str, JsonValue], orders: list[Placed]) -> None:
        """Go on where a state stood."""

    async def step(self) -> None:
        """One turn of its loop."""

    def early_stop(self, *, keep_position: bool) -> None:
        """Ask it to end."""

    def tell(self, kind: str, order: Placed | None, order_id: str, wanted: Wanted) -> None:
        """Tell it what happened to an order."""

    def refresh(self, order: Placed) -> None:
        """Bring its view of an order up to date without telling it."""

    def state(self) -> dict[str, JsonValue]:
        """Its state."""
        ...

    def figures(self) -> dict[str, Decimal]:
        """Its figures. Unavailable without a live price."""
        ...

    def custom_info(self) -> dict[str, JsonValue]:
        """What its class tells beside them."""
        ...


class ExecutorEngine(Protocol):
    """Builds the engine's executors."""

    async def follow(self, created: ExecutorCreated) -> None:
        """Have live prices of its markets. Unavailable when there are none in time."""

    async def leave(self, created: ExecutorCreated) -> None:
        """Its prices are needed no more."""

    def executor(
        self,
        created: ExecutorCreated,
        sessions: Mapping[str, ExchangeSession],
        place: Callable[[Wanted], str],
        cancel: Callable[[str], None],
    ) -> LiveExecutor:
        """An executor on these sessions by connector. Unavailable when a live price is missing."""
        ...


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
        self._storing = asyncio.Lock()
        self._stop_told = False
        self._idle_since = 0.0
        self._orders: OrderBook | None = None

    async def run(self, executor_id: str) -> None:
        """Drive it until it is closed. Raises Unavailable and Fenced; run again, it goes on where it stood."""
        await self._reload(executor_id)
        created = self._state.created
        if created is None or self._state.closed is not None:
            return
        await self._engine.follow(created)
        orders = OrderBook(self._log, self._posts, created, len(self._state.orders))
        self._orders = orders
        try:
            progress = self._state.progress
            executor = await self._built(created, orders)
            if executor is None:
                return
            await (self._first(created, executor) if progress is None else self._resume(created, executor, orders, progress))
            await self._drive(created, executor, orders)
            closing = Closing(created, orders, self._posts, lambda: self._store(created, executor, orders))
            await self._record(await closing.finish(executor, self._state, self._record))
        finally:
            self._orders = None
            await orders.close()
            await self._engine.leave(created)

    async def poke(self, executor_id: str) -> None:
        """Look again at what others stored of it, such as a wish to stop."""
        await self._reload(executor_id)
        if self._orders is not None:
            self._orders.news.set()

    async def _built(self, created: ExecutorCreated, orders: OrderBook) -> LiveExecutor | None:
        """The engine's object; None when its class refuses the configuration, which closes a new executor."""
        sessions = {name: post.live.exchange for name, post in self._posts.items()}
        try:
            return self._engine.executor(created, sessions, orders.place, orders.cancel)
        except ExecutorConfigInvalid as refused:
            if self._state.orders:
                raise
            await self._record(never_ran(created, refused.detail))
            return None

    async def _reload(self, executor_id: str) -> None:
        self._state, _ = await load(self._log, EXECUTOR, executor_stream(executor_id))

    async def _record(self, command: ExecutorCommand) -> None:
        stream, metadata = executor_stream(command.executor_id), Metadata(actor=f"executor:{command.executor_id}")
        self._state = (await stored(self._log, EXECUTOR, stream, command, fence=self._fence, metadata=metadata)).state

    async def _first(self, created: ExecutorCreated, executor: LiveExecutor) -> None:
        await self._record(Begin(executor_id=created.executor_id, holder=self._holder, time=utc_now()))
        await executor.begin()

    async def _resume(
        self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook, progress: ExecutorProgressed
    ) -> None:
        for order_id in self._state.orders:
            await orders.look(order_id)
        executor.restore(progress.state, [shown(each) for each in orders.pictures.values()])
        adopted, recovered = 0, 0
        for order_id, kept in progress.seen.items():
            seen = Seen.decoded(kept if isinstance(kept, dict) else {})
            found = orders.pictures.get(order_id)
            wanted = unsent(created) if found is None else wanted_of(found)
            orders.follow(order_id, Followed(wanted, None, seen, refused=found is None))
            adopted += found is not None and found.state.closed is None
            recovered += len(found.fills) - seen.fills if found is not None else 0
        orders.changed.update(orders.followed)
        taken = TakeUp(
            executor_id=created.executor_id,
            holder=self._holder,
            orders_adopted=adopted,
            fills_recovered=recovered,
            time=utc_now(),
        )
        await self._record(taken)

    async def _drive(self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook) -> None:
        self._idle_since = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._store_when_asked(created, executor, orders))
            while executor.status is not ExecutorStatus.TERMINATED and not self._stuck(executor, orders):
                orders.news.clear()
                await self._tell(executor, orders)
                self._tell_stop(executor)
                await executor.step()
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

    def _stuck(self, executor: LiveExecutor, orders: OrderBook) -> bool:
        """Whether it means to end but waits for nothing: some classes do not hear that an order was cancelled."""
        now = asyncio.get_running_loop().time()
        if executor.status is not ExecutorStatus.SHUTTING_DOWN or orders.followed:
            self._idle_since = now
        return now - self._idle_since > STUCK_SECONDS

    async def _store_when_asked(self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook) -> None:
        """A step may wait for seconds in its midst; what it asked for before goes out at once."""
        while True:
            await orders.asked.wait()
            orders.asked.clear()
            await self._store(created, executor, orders)

    async def _store(self, created: ExecutorCreated, executor: LiveExecutor, orders: OrderBook) -> None:
        """Store the state if it changed, then send what it asked for."""
        async with self._storing:
            asked = orders.take()
            placing = tuple(order_id for order_id, place in asked if place)
            status, state = executor.status, executor.state()
            seen: dict[str, JsonValue] = {order_id: each.seen.encoded() for order_id, each in orders.followed.items()}
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

    async def _tell(self, executor: LiveExecutor, orders: OrderBook) -> None:
        changed, orders.changed = orders.changed, set()
        for order_id in changed:
            followed = orders.followed.get(order_id)
            if followed is None:
                continue
            found = await orders.look(order_id)
            if found is None and not followed.refused:
                continue
            told = news(found, followed.seen)
            for kind, _fill in told:
                executor.tell(kind.value, None if found is None else shown(found), order_id, followed.wanted)
            followed.seen = told_of(found, followed.seen)
            if told and told[-1][0].final:
                orders.leave(order_id)

    def _tell_stop(self, executor: LiveExecutor) -> None:
        stop = self._state.stop
        if stop is not None and not self._stop_told and executor.status is not ExecutorStatus.SHUTTING_DOWN:
            executor.early_stop(keep_position=stop.keep_position)
        self._stop_told = stop is not None


def figures(executor: LiveExecutor) -> dict[str, Decimal]:
    """The executor's figures; none at a moment without a live price."""
    try:
        return executor.figures()
    except Unavailable:
        return {}


def executor_stream(executor_id: str) -> str:
    """The stream of an executor."""
    return naming.stream_id("trading", "executor", executor_id)
