"""Executors of this replica: taken in, stopped, and kept running where their sessions are held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import (
    CreateExecutor,
    ExecutorAccepted,
    ExecutorStopping,
    StopExecutor,
)
from eventlog.errors import Fenced
from eventlog.execute import execute
from eventlog.log import EventLog
from service_kit.supervisor import Crash, Supervisor, guarded

from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import Create
from trading.handlers.endings import leaves
from trading.handlers.executor import Performance, executor_stream
from trading.handlers.executor_engine import ExecutorEngine
from trading.handlers.executor_intake import ExecutorTypes, Intake, wish_to_stop
from trading.handlers.executor_late import LateOrders
from trading.handlers.executor_log import ExecutorLog, logged_as
from trading.handlers.executor_posts import Post
from trading.handlers.executor_stranded import Stranded
from trading.handlers.holds import record_holds
from trading.views.executor_figures import keep_samples
from trading.views.executors import OpenExecutor, open_executors

logger = logging.getLogger(__name__)

COMPARE_SECONDS = 0.5
SAMPLE_SECONDS = 2.0


class Posts(Protocol):
    """The sessions held here."""

    def post(self, account: str, connector: str) -> Post | None:
        """A session that takes orders here, or None."""
        ...


class Executors:
    """Serves the commands on executors, and runs those whose sessions are all held here."""

    def __init__(
        self,
        log: EventLog,
        types: ExecutorTypes,
        engine: ExecutorEngine,
        posts: Posts,
        holder: str,
        supervisor: Supervisor,
        nudge: Callable[[], Awaitable[None]],
    ) -> None:
        """No I/O. `nudge` has all replicas `look`: any of them stores a command, and one of them runs the executor."""
        self._log = log
        self._nudge = nudge
        self.lines = ExecutorLog(log)
        self._stranded = Stranded(log)
        self._late = LateOrders(log)
        self._types = types
        self.intake = Intake(log, types)
        self._engine = engine
        self._posts = posts
        self._holder = holder
        self._supervisor = supervisor
        self._running: dict[str, tuple[Performance, tuple[Post, ...]]] = {}
        self._compare_now = asyncio.Event()

    async def create(self, command: CreateExecutor, metadata: Metadata) -> ExecutorAccepted:
        """Store that the executor is to run. The same command again is the same executor."""
        created = await self.intake.created(command, metadata)
        id_ = created.executor_id
        done = await execute(self._log, EXECUTOR, executor_stream(id_), Create(executor_id=id_, created=created), metadata)
        if not done.repeated:
            with logged_as(id_):
                logger.info("created by %s as %s", metadata.actor, created.executor_type.value)
        await self._tell_all()
        stored = done.state.created or created
        return ExecutorAccepted(
            executor_id=id_,
            executor_type=created.executor_type,
            connector_name=created.markets[0].connector,
            trading_pair=created.markets[0].trading_pair,
            controller_id=command.controller_id,
            status=done.state.status,
            created_at=stored.time,
        )

    async def stop(self, command: StopExecutor, metadata: Metadata) -> ExecutorStopping:
        """Store the wish; whoever runs the executor sees it. Refused: ExecutorUnknown, ExecutorNotActive."""
        wish = wish_to_stop(command.executor_id, metadata, keep_position=command.keep_position)
        await execute(self._log, EXECUTOR, executor_stream(command.executor_id), wish, metadata)
        await self._tell_all()
        return ExecutorStopping(executor_id=command.executor_id, keep_position=command.keep_position)

    def look(self) -> None:
        """Compare now: something was stored, here or by another replica."""
        self._compare_now.set()

    async def keep(self) -> None:
        """Compare what should run with what runs, and store what executors logged, for ever."""
        while True:
            self._compare_now.clear()
            try:
                await self._late.reopen()
                await self.compare()
                await record_holds(self._log)
                await self._stranded.tell()
                await self.lines.write()
            except Unavailable as error:
                logger.warning("executors cannot be read: %s", error.detail)
            try:
                await asyncio.wait_for(self._compare_now.wait(), COMPARE_SECONDS)
            except TimeoutError:
                continue

    async def compare(self) -> None:
        """Start what is open and has its sessions here; let go of what has lost one; tell of wishes to stop."""
        wanted = {each.executor_id: each for each in await open_executors(self._log)}
        if wanted:
            await self._types.prepare()
        lost: list[str] = []
        for executor_id, (performance, posts) in list(self._running.items()):
            each = wanted.get(executor_id)
            if each is None or self._posts_of(each) != posts:
                lost.append(executor_id)
            elif each.stopping:
                await performance.poke(executor_id)
        # Together: each may wait for what it has under way, and a session that ends leaves many.
        await asyncio.gather(*(self._let_go(executor_id) for executor_id in lost))
        for executor_id, each in wanted.items():
            posts_here = self._posts_of(each)
            if posts_here is not None and executor_id not in self._running:
                self._start(each, posts_here)

    async def watch(self) -> None:
        """Keep the figures of the executors that run here, for ever."""
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            samples = [performance.sample() for performance, _ in self._running.values()]
            try:
                await keep_samples(self._log, [sample for sample in samples if sample is not None])
            except Unavailable as error:
                logger.warning("figures of executors cannot be kept: %s", error.detail)

    async def shut(self) -> None:
        """Let go of all; another replica, or this one when it is back, goes on where they stood."""
        await asyncio.gather(*(self._let_go(executor_id) for executor_id in list(self._running)))
        await self.lines.detach()
        try:
            await self.lines.write()
        except Unavailable as error:
            logger.warning("the last lines of executors cannot be kept: %s", error.detail)

    async def _tell_all(self) -> None:
        self.look()
        await self._nudge()

    def _posts_of(self, each: OpenExecutor) -> tuple[Post, ...] | None:
        found = tuple(self._posts.post(each.account, connector) for connector in each.connectors)
        here = tuple(post for post in found if post is not None)
        return here if len(here) == len(found) else None

    def _start(self, each: OpenExecutor, posts: tuple[Post, ...]) -> None:
        by_connector = dict(zip(each.connectors, posts, strict=True))
        performance = Performance(self._log, self._engine, by_connector, posts[0].live.fence, self._holder)
        self._running[each.executor_id] = (performance, posts)

        async def perform() -> None:
            waiting = True
            while waiting:
                waiting = False
                try:
                    await _reported(performance, each.executor_id)
                except* Fenced:
                    logger.info("executor %s let go", each.executor_id)
                except* Unavailable as group:
                    waiting = True
                    logger.warning("executor %s waits: %s", each.executor_id, group.exceptions[0])
                    await asyncio.sleep(COMPARE_SECONDS)

        with logged_as(each.executor_id):
            self._supervisor.start(f"executor {each.executor_id}", perform)

    async def _let_go(self, executor_id: str) -> None:
        self._running.pop(executor_id, None)
        await self._supervisor.stop(f"executor {executor_id}")


async def _reported(performance: Performance, executor_id: str) -> None:
    """Run it; an error that nobody can name is stored for its owner before it goes on to the supervisor."""
    result = await guarded(performance.run(executor_id))
    if isinstance(result, Crash):
        error = result.error
        found = leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
        unnamed = [each for each in found if not isinstance(each, Unavailable)]
        if unnamed:
            await performance.falter(executor_id, f"{type(unnamed[0]).__name__}: {unnamed[0]}")
        raise error
