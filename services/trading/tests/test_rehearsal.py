"""Rehearsed orders and cancels: judged like real ones, and nothing is left of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Metadata
from contracts.trading import (
    OrderBelowMinimum,
    OrderNotOpen,
    OrderRateExceeded,
    OrderUnknown,
    RehearseCancel,
    RehearseOrder,
    RiskLimitExceeded,
)
from rig import ACCOUNT, CONNECTOR, Rig
from test_risk_handled import hits, limit


async def rehearse(rig: Rig, **changes: object) -> Any:
    return await rig.commands.handlers["RehearseOrder"](RehearseOrder(order=rig.order(**changes)), Metadata())


async def rehearse_cancel(rig: Rig, **asked: str) -> Any:
    command = RehearseCancel(account=ACCOUNT, connector=CONNECTOR, **asked)
    return await rig.commands.handlers["RehearseCancel"](command, Metadata())


async def test_a_rehearsed_order_is_told_and_forgotten(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_orders_per_minute=1, max_open_orders=1)
    before = await rig.all_events()
    for _ in range(3):
        done = await rehearse(rig, amount=Decimal("0.50009"), price=Decimal("50000.019"))
        assert (done.dry_run, done.amount, done.price) == (True, Decimal("0.5"), Decimal("50000.01"))
    assert await rig.all_events() == before
    assert rig.exchange.submits == []
    await rig.place()


async def test_a_rehearsal_is_refused_as_the_order_would_be(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_order_notional=20_000)
    before = await rig.all_events()
    with pytest.raises(OrderBelowMinimum):
        await rehearse(rig, amount=Decimal("0.00001"))
    with pytest.raises(RiskLimitExceeded):
        await rehearse(rig)
    rig.exchange.room = 0
    with pytest.raises(OrderRateExceeded):
        await rehearse(rig)
    assert await hits(rig) == []
    assert await rig.all_events() == before


async def test_a_rehearsed_cancel_leaves_the_order_open(rig: Rig) -> None:
    await rig.start()
    order_id = await rig.place()
    await rig.status(order_id, "OPEN")
    before = await rig.all_events()
    assert (await rehearse_cancel(rig, order_id=order_id)).order_ids == (order_id,)
    assert (await rehearse_cancel(rig)).order_ids == (order_id,)
    assert (await rehearse_cancel(rig, trading_pair="ETH-USDT")).order_ids == ()
    with pytest.raises(OrderUnknown):
        await rehearse_cancel(rig, order_id="unheard-of")
    assert await rig.all_events() == before
    assert rig.exchange.cancels == []
    await rig.cancel(order_id)
    await rig.status(order_id, "CANCELLED")
    with pytest.raises(OrderNotOpen):
        await rehearse_cancel(rig, order_id=order_id)
