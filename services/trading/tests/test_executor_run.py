"""Running one executor when its class, its prices or a wish to stop go wrong, with a real log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from contracts.message import Event, Metadata
from contracts.rejections import Unavailable
from contracts.trading import (
    CloseType,
    ExecutorClosed,
    ExecutorCreated,
    ExecutorFaltered,
    ExecutorStatus,
    ExecutorType,
    Market,
)
from eventlog.execute import execute
from eventlog.log import EventLog
from pydantic import JsonValue
from trading.domain.executor import EXECUTOR
from trading.domain.executor_commands import Create, RequestStop
from trading.handlers import executor as running
from trading.handlers.executor import Performance, executor_stream
from trading.handlers.executor_posts import Post

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CREATED = ExecutorCreated(
    executor_id="e1",
    executor_type=ExecutorType.POSITION,
    account="main",
    controller_id="main",
    markets=(Market(connector="binance", trading_pair="BTC-USDT"),),
    config={},
    time=NOW,
)
STOP = RequestStop(executor_id="e1", keep_position=False, reason="asked", time=NOW)


class Scripted:
    """The engine and its executor in one: each step does what it is told to."""

    def __init__(self, step: Callable[[], None] = lambda: None) -> None:
        self.wrong = step
        self.built = 0
        self.stopped: list[bool] = []
        self.status = ExecutorStatus.RUNNING
        self.close_type: CloseType | None = None

    async def follow(self, created: ExecutorCreated) -> None: ...

    async def leave(self, created: ExecutorCreated) -> None: ...

    async def rate(self, token: str, quote_token: str) -> Decimal | None: ...

    def executor(self, *_: Any) -> Any:
        self.built += 1
        return self

    async def begin(self) -> None: ...

    def restore(self, state: Mapping[str, JsonValue], orders: list[Any]) -> None: ...

    async def step(self) -> None:
        self.wrong()

    def early_stop(self, *, keep_position: bool) -> None:
        self.stopped.append(keep_position)
        self.status, self.close_type = ExecutorStatus.TERMINATED, CloseType.EARLY_STOP

    def refresh(self, order: Any) -> None: ...

    def state(self) -> dict[str, JsonValue]:
        return {}

    def figures(self) -> dict[str, Decimal]:
        raise Unavailable("no price")

    def custom_info(self) -> dict[str, JsonValue]:
        return {}


class Deaf(Scripted):
    """Means to end when it is stopped, and needs prices for it."""

    def early_stop(self, *, keep_position: bool) -> None:
        super().early_stop(keep_position=keep_position)
        self.status = ExecutorStatus.SHUTTING_DOWN


@pytest.fixture
async def perform(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scripted], Performance]:
    monkeypatch.setattr(running, "STEP_SECONDS", 0.01)
    await execute(log, EXECUTOR, executor_stream("e1"), Create(executor_id="e1", created=CREATED), Metadata())
    fence = await log.raise_fence("session.main.binance")
    exchange = SimpleNamespace(trading_rules={"BTC-USDT": None})
    live = SimpleNamespace(measures=SimpleNamespace(stepped=lambda _late: None), exchange=exchange, heard={}, held=lambda: True)
    posts = {"binance": Post(live, SimpleNamespace())}  # type: ignore[arg-type]
    return lambda engine: Performance(log, engine, posts, fence, "here")  # type: ignore[arg-type]


async def wish(log: EventLog) -> None:
    await execute(log, EXECUTOR, executor_stream("e1"), STOP, Metadata())


async def events(log: EventLog) -> list[Event]:
    return [one.event for one in await log.read(executor_stream("e1"))]


async def closed(log: EventLog) -> ExecutorClosed:
    newest = (await events(log))[-1]
    assert isinstance(newest, ExecutorClosed)
    return newest


def blind() -> None:
    raise Unavailable("the order book of BTC-USDT on binance is out of date")


def broken() -> None:
    raise ZeroDivisionError("division by zero")


async def test_it_ends_without_prices_when_it_is_to_stop(
    log: EventLog, perform: Callable[[Scripted], Performance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "STUCK_SECONDS", 0.2)
    await wish(log)
    engine = Deaf(blind)
    await perform(engine).run("e1")
    told = [event.reason for event in await events(log) if isinstance(event, ExecutorFaltered)]
    assert told == ["the order book of BTC-USDT on binance is out of date"]
    assert (await closed(log)).close_type is CloseType.EARLY_STOP


async def test_without_a_wish_it_waits_for_prices_however_long(
    log: EventLog, perform: Callable[[Scripted], Performance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "STUCK_SECONDS", 0.01)
    steps = asyncio.Semaphore(0)

    def step() -> None:
        steps.release()
        blind()

    performance = perform(Scripted(step))
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(performance.run("e1"))
        for _ in range(10):
            await steps.acquire()
        assert not task.done()
        await wish(log)
        await performance.poke("e1")
    assert (await closed(log)).close_type is CloseType.EARLY_STOP


async def test_a_broken_class_is_ended_without_it_after_three_more_tries(
    log: EventLog, perform: Callable[[Scripted], Performance]
) -> None:
    engine = Scripted(broken)
    engine.early_stop = lambda **_: None  # type: ignore[assignment]
    performance = perform(engine)
    with pytest.raises(ExceptionGroup):
        await performance.run("e1")
    await wish(log)
    for _ in range(running.RUNS_TO_STOP):
        with pytest.raises(ExceptionGroup):
            await performance.run("e1")
    tries = engine.built
    await performance.run("e1")
    assert engine.built == tries == running.RUNS_TO_STOP + 1
    assert (await closed(log)).close_type is CloseType.EARLY_STOP


async def test_a_wish_that_nobody_told_of_is_found_when_it_looks(
    log: EventLog, perform: Callable[[Scripted], Performance]
) -> None:
    stepped = asyncio.Event()
    engine = Scripted(stepped.set)
    performance = perform(engine)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(performance.run("e1"))
        await stepped.wait()
        await wish(log)
        stepped.clear()
        await stepped.wait()
        assert engine.stopped == []
        await performance.poke("e1")
    assert engine.stopped == [False]
    assert (await closed(log)).close_type is CloseType.EARLY_STOP


async def test_what_keeps_it_from_going_on_is_stored(log: EventLog, perform: Callable[[Scripted], Performance]) -> None:
    performance = perform(Scripted())
    await performance.falter("e1", "ZeroDivisionError: division by zero")
    assert isinstance((await events(log))[-1], ExecutorFaltered)
