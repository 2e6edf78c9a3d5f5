"""A session's life: lease, keys, failures, release, restart."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from contracts.accounts import OrdersOpen
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import PlaceOrder, ReleaseSession, SessionFailed, SessionReconciled, SessionStarted, SessionStopped
from eventlog.log import EventLog
from rig import ACCOUNT, CONNECTOR, DEADLINE, SERVED, Rig
from trading.handlers.endings import Ended, SessionEnding, spawning

RELEASE = ReleaseSession(account=ACCOUNT, connector=CONNECTOR)


async def kinds(rig: Rig) -> list[str]:
    return [type(event).__name__ for event in await rig.session_events()]


async def state(log: EventLog) -> tuple[str, str | None]:
    row = (await log.fetch("SELECT state, reason FROM sessions"))[0]
    return row["state"], row["reason"]


async def test_start_and_graceful_stop(rig: Rig) -> None:
    await rig.start()
    assert await state(rig.log) == ("ready", None)
    await rig.stop()
    events = await rig.session_events()
    assert next(type(event) for event in events if not isinstance(event, SessionReconciled)) is SessionStarted
    assert isinstance(events[-1], SessionStopped)
    assert rig.commands.handlers == {}
    assert not rig.exchange.sessions[-1].running


async def test_a_wrong_key_fails_the_session_once_and_says_why(rig: Rig) -> None:
    rig.exchange.bad_keys = {"key"}
    await rig.start(wait=False)
    await rig.until(lambda: state_is(rig, "failed"))
    assert "Invalid API-key" in str((await state(rig.log))[1])
    await asyncio.sleep(1.5)
    assert len(rig.exchange.sessions) > 1
    assert (await kinds(rig)).count("SessionFailed") == 1
    rig.exchange.bad_keys = set()
    await rig.until(rig.ready)


async def test_a_session_is_ready_once_all_its_commands_are_answered(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    serve, asked = rig.commands.session_command, asyncio.Event()
    proceed = asyncio.Event()

    async def late(command: Any, handler: Any, *, account: str, connector: str) -> Any:
        if command is PlaceOrder:
            asked.set()
            await proceed.wait()
        return await serve(command, handler, account=account, connector=connector)

    monkeypatch.setattr(rig.commands, "session_command", late)
    await rig.start(wait=False)
    async with asyncio.timeout(DEADLINE):
        await asked.wait()
    assert (await state(rig.log))[0] == "starting"
    assert "SessionReconciled" not in await kinds(rig)
    proceed.set()
    await rig.until(rig.ready)
    assert len(rig.commands.handlers) == SERVED
    await rig.status(await rig.place(), "OPEN")


async def state_is(rig: Rig, wanted: str) -> bool:
    rows = await rig.log.fetch("SELECT state FROM sessions")
    return bool(rows) and rows[0][0] == wanted


async def test_an_exchange_that_goes_away_is_told_of_once_and_recovers(rig: Rig) -> None:
    await rig.start()
    rig.exchange.down = True
    await rig.until(lambda: state_is(rig, "failed"))
    await asyncio.sleep(0.5)
    failed = [event for event in await rig.session_events() if isinstance(event, SessionFailed)]
    assert [event.reason for event in failed] == ["the exchange does not answer"]
    rig.exchange.down = False
    await rig.until(lambda: state_is(rig, "ready"))


async def test_calls_that_fail_while_a_session_starts_are_asked_again_and_do_not_end_it(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    await rig.kill()
    rig.exchange.stumbles = 4
    await rig.start(wait=False)
    await rig.until(lambda: "PlaceOrder" in rig.commands.handlers)
    await rig.until(rig.ready)
    assert rig.exchange.stumbles == 0
    assert len(rig.exchange.sessions) == 2
    assert await state(rig.log) == ("ready", None)


async def test_a_session_that_is_stopped_while_its_exchange_is_away_ends(rig: Rig) -> None:
    rig.exchange.stumbles = 1_000_000
    await rig.start(wait=False)
    await rig.until(lambda: state_is(rig, "failed"))
    assert rig.runner is not None
    await rig.runner.stop("test")
    assert not rig.runner.holding


async def test_a_lost_lease_stops_the_session_at_once(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    place = rig.commands.handlers["PlaceOrder"]
    rig.leases.given[-1].lost.set()
    with pytest.raises(Unavailable):
        await place(rig.order(), Metadata())
    await rig.until(lambda: not rig.exchange.sessions[0].running)
    await rig.until(lambda: len(rig.exchange.sessions) == 2 and "PlaceOrder" in rig.commands.handlers)
    rig.exchange.fill(order_id, Decimal("0.5"), Decimal(50000))
    await rig.status(order_id, "FILLED")


async def test_a_holder_that_slept_through_its_lease_is_fenced_off(rig: Rig) -> None:
    await rig.start()
    place = rig.commands.handlers["PlaceOrder"]
    await rig.log.raise_fence(rig.leases.given[-1].fence.name)
    with pytest.raises(Unavailable):
        await place(rig.order(), Metadata())
    assert rig.exchange.submits == []


async def test_release_refuses_open_orders_and_goes_on_serving(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    with pytest.raises(OrdersOpen, match="1 orders are open"):
        await rig.commands.handlers["ReleaseSession"](RELEASE, Metadata())
    await rig.status(order_id, "OPEN")
    await rig.cancel(order_id)
    await rig.status(order_id, "CANCELLED")
    released = await rig.commands.handlers["ReleaseSession"](RELEASE, Metadata())
    assert released.state == "stopped"
    assert not rig.exchange.sessions[-1].running
    assert (await kinds(rig))[-2:] == ["SessionReleased", "SessionStopped"]


async def test_a_forced_release_leaves_the_orders_on_the_exchange(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    await rig.commands.handlers["ReleaseSession"](RELEASE.model_copy(update={"force": True}), Metadata())
    assert rig.exchange.cancels == []
    assert (await rig.row(order_id))["status"] == "OPEN"


async def test_nothing_new_begins_in_a_session_that_ends() -> None:
    """An executor may ask for a cancel at the moment at which its session loses its lease."""
    begun: list[bool] = []

    async def work() -> None:
        begun.append(True)

    async def ends() -> None:
        raise Ended

    async def session() -> None:
        async with asyncio.TaskGroup() as tasks:
            spawn = spawning(tasks)
            spawn(ends())
            try:
                await asyncio.Event().wait()
            finally:
                with pytest.raises(SessionEnding):
                    spawn(work())

    with pytest.raises(ExceptionGroup):
        await session()
    assert not begun
