"""A database that goes away, or does not confirm: nothing heard is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import OrderFilled
from rig import Rig
from trading.domain.order_commands import RecordRefused
from trading.handlers.live import Live


def lose_confirmations(rig: Rig, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """The next `count` appends are stored without the caller being told."""
    append, left = rig.log.append, [count]

    async def unconfirmed(*args, **kwargs):  # type: ignore[no-untyped-def]
        recorded = await append(*args, **kwargs)
        if left[0]:
            left[0] -= 1
            raise Unavailable("The database is not available")
        return recorded

    monkeypatch.setattr(rig.log, "append", unconfirmed)


async def test_an_intent_that_was_not_confirmed_is_sent_when_its_command_is_repeated(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start()
    lose_confirmations(rig, monkeypatch, 1)
    metadata = Metadata()
    with pytest.raises(Unavailable):
        await rig.place(metadata)
    assert rig.exchange.submits == []
    order_id, again = await asyncio.gather(rig.place(metadata), rig.place(metadata))
    assert order_id == again
    await rig.status(order_id, "OPEN")
    await asyncio.sleep(rig.around.pace.settle + 0.1)
    assert (await rig.row(order_id))["status"] == "OPEN"
    assert len(rig.exchange.submits) == 1


async def test_an_intent_that_was_not_confirmed_nor_repeated_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.start()
    lose_confirmations(rig, monkeypatch, 1)
    metadata = Metadata()
    with pytest.raises(Unavailable):
        await rig.place(metadata)
    order_id = rig.exchange.sessions[-1].client_order_id(metadata.message_id)
    row = await rig.status(order_id, "FAILED")
    assert row["error_message"] == "The order was not confirmed in time and not sent"
    assert rig.exchange.submits == []


async def test_a_command_repeated_while_its_intent_is_given_up_does_not_send_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start()
    lose_confirmations(rig, monkeypatch, 1)
    metadata = Metadata()
    with pytest.raises(Unavailable):
        await rig.place(metadata)
    record, giving_up, repeated = Live.record, asyncio.Event(), asyncio.Event()

    async def slow(live, tracked, command, metadata=None):  # type: ignore[no-untyped-def]
        if isinstance(command, RecordRefused):
            giving_up.set()
            await repeated.wait()
        return await record(live, tracked, command, metadata)

    monkeypatch.setattr(Live, "record", slow)
    await giving_up.wait()
    order_id = await rig.place(metadata)
    repeated.set()
    await rig.status(order_id, "FAILED")
    await asyncio.sleep(rig.around.pace.reconcile)
    assert rig.exchange.submits == []
    assert (await rig.row(order_id))["status"] == "FAILED"


async def test_outcomes_that_were_stored_without_confirmation_are_stored_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    lose_confirmations(rig, monkeypatch, 2)
    rig.exchange.fill(order_id, Decimal("0.1"), Decimal(50000))
    rig.exchange.fill(order_id, Decimal("0.4"), Decimal(50000))
    row = await rig.status(order_id, "FILLED")
    assert row["filled_amount"] == 0.5
    assert len(await rig.trades()) == 2


async def test_a_database_that_goes_away_loses_no_update(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    append, away = rig.log.append, True

    async def flaky(*args, **kwargs):  # type: ignore[no-untyped-def]
        if away:
            raise Unavailable("The database is not available")
        return await append(*args, **kwargs)

    monkeypatch.setattr(rig.log, "append", flaky)
    rig.exchange.fill(order_id, Decimal("0.1"), Decimal(50000))
    rig.exchange.fill(order_id, Decimal("0.4"), Decimal(50000))
    await asyncio.sleep(0.2)
    assert not [event for event in await rig.events(order_id) if isinstance(event, OrderFilled)]
    away = False
    await rig.status(order_id, "FILLED")
    assert len(await rig.trades()) == 2
