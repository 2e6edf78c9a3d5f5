"""The risk guard in a session: on the exchange in memory, with a real event log and its views."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from contracts.trading import (
    OrderType,
    PositionAction,
    ReloadRiskLimits,
    RiskLimitExceeded,
    RiskLimitHit,
    RiskLimits,
    RiskLimitsSet,
    RiskRule,
    Side,
)
from eventlog.execute import execute
from fake_derivative import FakeDerivative
from rig import ACCOUNT, CONNECTOR, Rig
from trading.domain.risk import RISK, SetLimits
from trading.handlers.exchange import FundingChanged, FundingPayment, TokenBalance
from trading.handlers.live import risk_stream

STREAM = risk_stream(ACCOUNT)


async def limit(rig: Rig, actor: str | None = None, **limits: object) -> None:
    """Set limits, as the service does, and have the session go by them if it runs."""
    command = SetLimits(account=ACCOUNT, actor=actor, limits=RiskLimits(**limits), time=utc_now())  # type: ignore[arg-type]
    await execute(rig.log, RISK, STREAM, command, Metadata())
    if (reload := rig.commands.handlers.get("ReloadRiskLimits")) is not None:
        await reload(ReloadRiskLimits(account=ACCOUNT, connector=CONNECTOR), Metadata())


async def hits(rig: Rig) -> list[RiskLimitHit]:
    return [one.event for one in await rig.log.read(STREAM) if isinstance(one.event, RiskLimitHit)]


async def test_an_order_beyond_a_limit_is_refused_before_anything_is_stored(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_order_notional=20_000)
    before = len(await rig.all_events())
    with pytest.raises(RiskLimitExceeded, match="notional of 25000 USD is above max_order_notional 20000") as refused:
        await rig.place(metadata=Metadata(actor="trader"))
    assert (refused.value.status, refused.value.field) == (403, "amount")
    assert rig.exchange.submits == []
    await rig.until(lambda: hits(rig))
    [hit] = await hits(rig)
    assert (hit.rule, hit.limit, hit.value) == (RiskRule.MAX_ORDER_NOTIONAL, Decimal(20_000), Decimal(25_000))
    assert (hit.actor, hit.trading_pair, hit.amount, hit.price) == ("trader", "BTC-USDT", Decimal("0.5"), Decimal(50_000))
    assert len(await rig.all_events()) == before + 1
    await rig.status(await rig.place(amount=Decimal("0.4")), "OPEN")


async def test_a_flood_of_refusals_is_one_event(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_order_notional=20_000)
    for _ in range(50):
        with pytest.raises(RiskLimitExceeded):
            await rig.place()
    await rig.until(lambda: hits(rig))
    await rig.status(await rig.place(amount=Decimal("0.4")), "OPEN")
    assert len(await hits(rig)) == 1


async def test_orders_placed_at_once_are_counted_while_they_are_stored(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_open_orders=3)
    placed = await asyncio.gather(*(rig.place() for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in placed) == 3
    assert sum(isinstance(each, RiskLimitExceeded) for each in placed) == 7
    kept = next(each for each in placed if isinstance(each, str))
    await rig.status(kept, "OPEN")
    await rig.cancel(kept)
    await rig.status(kept, "CANCELLED")
    await rig.place()


async def test_the_same_command_again_is_the_same_order_whatever_the_limits_say_now(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_orders_per_minute=1)
    metadata = Metadata()
    order_id = await rig.place(metadata)
    assert await rig.place(metadata) == order_id
    await rig.status(order_id, "OPEN")
    rig.exchange.fill(order_id, Decimal("0.5"), Decimal(50_000))
    await rig.status(order_id, "FILLED")
    assert await rig.place(metadata) == order_id
    with pytest.raises(RiskLimitExceeded, match="2 orders within a minute"):
        await rig.place()


async def test_a_refused_order_does_not_count(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_orders_per_minute=1, max_order_notional=20_000)
    with pytest.raises(RiskLimitExceeded, match="max_order_notional"):
        await rig.place()
    await rig.place(amount=Decimal("0.1"))


async def test_the_facts_are_there_after_a_restart(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_open_orders=2, max_orders_per_minute=9)
    for order_id in [await rig.place(), await rig.place()]:
        await rig.status(order_id, "OPEN")
    await rig.kill()
    rig.commands.handlers.clear()
    await rig.start()
    with pytest.raises(RiskLimitExceeded, match="3 open orders would be above max_open_orders 2"):
        await rig.place()
    await limit(rig, max_orders_per_minute=2)
    with pytest.raises(RiskLimitExceeded, match="3 orders within a minute"):
        await rig.place()


async def test_open_orders_and_fills_count_towards_the_position(rig: Rig) -> None:
    rig.exchange.funds["BTC"] = TokenBalance(Decimal("0.2"), Decimal("0.2"))
    await rig.start()
    await limit(rig, max_position_notional=50_000)
    first = await rig.place(amount=Decimal("0.4"))
    await rig.status(first, "OPEN")
    with pytest.raises(RiskLimitExceeded, match=r"position notional of 55000 USD.*max_position_notional 50000"):
        await rig.place(amount=Decimal("0.5"))
    rig.exchange.fill(first, Decimal("0.4"), Decimal(50_000))
    await rig.status(first, "FILLED")
    with pytest.raises(RiskLimitExceeded, match="position notional of 55000 USD"):
        await rig.place(amount=Decimal("0.5"))
    await rig.place(amount=Decimal("0.4"))
    await rig.place(side=Side.SELL, amount=Decimal("0.6"))


async def test_after_the_days_loss_only_orders_that_reduce_are_taken(rig: Rig) -> None:
    await rig.start()
    for side, price in ((Side.BUY, 50_000), (Side.SELL, 49_000)):
        order_id = await rig.place(side=side, price=Decimal(price))
        await rig.status(order_id, "OPEN")
        rig.exchange.fill(order_id, Decimal("0.5"), Decimal(price))
        await rig.status(order_id, "FILLED")
    rig.exchange.funds["BTC"] = TokenBalance(Decimal(1), Decimal(1))
    await limit(rig, max_daily_loss=500)
    # 1,000 below the purchase, and 0.0005 BTC of fees on either side.
    with pytest.raises(RiskLimitExceeded, match=r"realised loss of 549\.5 USD since .* max_daily_loss 500"):
        await rig.place()
    await rig.place(side=Side.SELL)


async def test_reduce_only_and_what_executors_close(rig: Rig) -> None:
    await rig.start()
    await limit(rig, reduce_only=True, max_order_notional=1)
    with pytest.raises(RiskLimitExceeded, match="reduce_only is on"):
        await rig.place(position_action=PositionAction.CLOSE)
    await rig.place(position_action=PositionAction.CLOSE, executor_id="e1")


async def test_an_actors_limits_bind_that_actor_only(rig: Rig) -> None:
    await rig.start()
    await limit(rig, actor="token:t1", max_order_notional=100)
    with pytest.raises(RiskLimitExceeded):
        await rig.place(metadata=Metadata(actor="token:t1"))
    await rig.place(metadata=Metadata(actor="trader"))


async def test_without_a_price_a_notional_cannot_be_checked_and_nothing_is_sent(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_order_notional=100)
    del rig.exchange.prices["BTC-USDT"]
    with pytest.raises(Unavailable, match="price of BTC-USDT is not known"):
        await rig.place(order_type=OrderType.LIMIT)
    assert rig.exchange.submits == []


async def test_limits_that_are_set_to_none_are_off(rig: Rig) -> None:
    await rig.start()
    await limit(rig, max_open_orders=1)
    await rig.place()
    await limit(rig)
    await rig.place()
    assert [type(one.event) for one in await rig.log.read(STREAM)] == [RiskLimitsSet, RiskLimitsSet]


async def test_funding_counts_in_the_loss_of_the_day(rig: Rig) -> None:
    futures = rig.exchange.derivative = FakeDerivative(rig.exchange)
    paid: dict[str, Any] = {"trading_pair": "BTC-USDT", "token": "USDT", "rate": None, "mark": None, "time": utc_now()}
    futures.payments.append(FundingPayment(exchange_id="1", amount=Decimal(-60), **paid))
    await rig.start()
    await rig.until(lambda: funded(rig, 1))
    await limit(rig, max_daily_loss=100)
    await rig.status(await rig.place(), "OPEN")
    futures.payments.append(FundingPayment(exchange_id="2", amount=Decimal(-50), **paid))
    rig.exchange.push(FundingChanged())
    await rig.until(lambda: funded(rig, 2))
    with pytest.raises(RiskLimitExceeded, match="loss"):
        await rig.place()
    # What was learnt at the beginning of the watch is the same as what was heard.
    await rig.kill()
    await rig.start()
    with pytest.raises(RiskLimitExceeded, match="loss"):
        await rig.place()
    futures.payments.append(FundingPayment(exchange_id="3", amount=Decimal(40), **paid))
    rig.exchange.push(FundingChanged())
    await rig.until(lambda: funded(rig, 3))
    await rig.status(await rig.place(), "OPEN")


async def funded(rig: Rig, count: int) -> bool:
    return len(await rig.log.fetch("SELECT FROM funding_payments")) == count
