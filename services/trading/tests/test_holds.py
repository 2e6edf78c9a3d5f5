"""Positions that executors kept: the accounting, each executor once, and a hold after a clear."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.trading import (
    ClearPositionHold,
    CloseType,
    ExecutorClosed,
    ExecutorCreated,
    ExecutorFill,
    ExecutorType,
    GetPositionHold,
    HeldPosition,
    Market,
    PositionHeld,
    PositionHoldUnknown,
    Side,
    SummarisePositionHolds,
)
from eventlog.log import EventLog
from eventlog.scenario import Scenario
from hypothesis import given
from hypothesis import strategies as st
from trading.domain import money
from trading.domain.hold import HOLD, Clear, Keep, added
from trading.handlers.holds import Holds, hold_stream, record_holds
from trading.views.executor_totals import ExecutorTotalsView
from trading.views.executors import ExecutorsView, unrecorded_holds
from trading.views.holds import HoldsView

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = {"account": "main", "connector": "binance", "trading_pair": "BTC-USDT", "controller_id": "main"}


def fill(side: Side, amount: str, price: str, pair: str = "BTC-USDT") -> ExecutorFill:
    quote = Decimal(amount) * Decimal(price)
    return ExecutorFill(
        order_id="o1",
        connector="binance",
        trading_pair=pair,
        side=side,
        amount=Decimal(amount),
        quote=quote,
        fee=Decimal("0.1"),
    )


def keep(executor_id: str, *fills: ExecutorFill) -> Keep:
    return Keep(**KEY, executor_id=executor_id, fills=fills, time=NOW)


def held(executor_id: str, position: HeldPosition, *fills: ExecutorFill) -> PositionHeld:
    return PositionHeld(**KEY, executor_id=executor_id, fills=fills, position=position, time=NOW)


BUY = fill(Side.BUY, "2", "100")
LONG = added(HeldPosition(), [BUY])


def test_matched_volume_is_settled_at_average_prices() -> None:
    assert (LONG.open_base, LONG.open_quote, LONG.realized_pnl_quote) == (2, 200, 0)
    part = added(LONG, [fill(Side.SELL, "0.5", "120")])
    assert (part.matched_amount_base, part.realized_pnl_quote) == (Decimal("0.5"), 10)
    assert (part.open_base, part.open_quote, part.cum_fees_quote) == (Decimal("1.5"), 150, Decimal("0.2"))
    turned = added(part, [fill(Side.SELL, "2.5", "90")])
    assert (turned.open_base, turned.open_quote, turned.realized_pnl_quote) == (-1, 90, -5)
    assert (turned.buy_amount_base, turned.sell_amount_quote) == (2, 285)


amounts = st.decimals("0.00001", "1000", places=5)
prices = st.decimals("0.01", "100000", places=2)
fills = st.lists(st.builds(lambda side, a, p: fill(side, str(a), str(p)), st.sampled_from(Side), amounts, prices), max_size=6)


@given(st.lists(fills, max_size=6))
def test_bought_sold_open_and_realised_always_add_up(batches: list[list[ExecutorFill]]) -> None:
    position = HeldPosition()
    for batch in batches:
        position = added(position, batch)
    assert position.open_base == money.add(position.buy_amount_base, -position.sell_amount_base)
    assert position.open_quote >= 0
    spent = money.add(position.buy_amount_quote, -position.sell_amount_quote)
    open_cost = position.open_quote if position.open_base > 0 else -position.open_quote
    assert money.add(open_cost, -position.realized_pnl_quote) == spent


def test_each_executor_once_also_after_a_clear() -> None:
    event = held("e1", LONG, BUY)
    Scenario(HOLD).given().when(keep("e1", BUY)).then(event)
    Scenario(HOLD).given(event).when(keep("e1", BUY)).then_nothing()
    clear = Clear(**KEY, time=NOW)
    cleared = HOLD.decide(HOLD.evolve(HOLD.initial, event), clear)[0]
    Scenario(HOLD).given(event, cleared).when(keep("e1", BUY)).then_nothing()
    Scenario(HOLD).given(event, cleared).when(keep("e2", BUY)).then(held("e2", LONG, BUY))
    Scenario(HOLD).given(event, cleared).when(clear).then_rejected(PositionHoldUnknown)


def test_another_end_of_an_executor_adds_only_what_its_earlier_ends_had_not() -> None:
    first = held("e1", LONG, BUY)
    more, late = fill(Side.BUY, "3", "100"), fill(Side.SELL, "1", "110").model_copy(update={"order_id": "o2"})
    rest = fill(Side.BUY, "1", "100").model_copy(update={"fee": Decimal(0)})
    again = Keep(**KEY, executor_id="e1", closing=2, fills=(more, late), time=NOW)
    second = held("e1", added(LONG, [rest, late]), rest, late).model_copy(update={"closing": 2})
    Scenario(HOLD).given(first).when(again).then(second)
    Scenario(HOLD).given(first, second).when(again).then_nothing()
    Scenario(HOLD).given(first, second).when(keep("e1", BUY)).then_nothing()
    nothing_new = second.model_copy(update={"closing": 3, "fills": ()})
    Scenario(HOLD).given(first, second).when(again.model_copy(update={"closing": 3})).then(nothing_new)


class FixedRates:
    """Every token at 150, or nothing at all."""

    def __init__(self) -> None:
        self.away = False

    async def rates(self, tokens: Iterable[str], quote_token: str) -> dict[str, Decimal | None]:
        if self.away:
            raise Unavailable("no source")
        return dict.fromkeys(tokens, Decimal(150))


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[EventLog]:
    started = EventLog(database_url, context="trading", views=(ExecutorsView(), ExecutorTotalsView(), HoldsView()))
    await started.start()
    yield started
    await started.stop()


async def end(log: EventLog, id_: str, *kept: ExecutorFill) -> None:
    markets = (Market(connector="binance", trading_pair="BTC-USDT"),)
    created = ExecutorCreated(
        executor_id=id_,
        executor_type=ExecutorType.POSITION,
        account="main",
        controller_id="main",
        markets=markets,
        config={},
        time=NOW,
    )
    names = ("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote")
    figures: dict[str, Any] = dict.fromkeys(names, Decimal(0))
    closed = ExecutorClosed(executor_id=id_, close_type=CloseType.POSITION_HOLD, **figures, held=kept, time=NOW)
    await log.append(f"trading.executor-{id_}", 0, [created, closed], Metadata())


async def test_what_was_kept_becomes_a_hold_once_whoever_looks_and_however_often(log: EventLog) -> None:
    holds = Holds(log, FixedRates())
    await end(log, "e1", BUY, fill(Side.BUY, "1", "10", "ETH-USDT"))
    # A process that died between the two markets.
    stream = hold_stream("main", "binance", "BTC-USDT", "main")
    await log.append(stream, 0, [held("e1", LONG, BUY)], Metadata())
    assert await unrecorded_holds(log) == ["e1"]
    for _ in range(2):
        await record_holds(log)
    assert await unrecorded_holds(log) == []
    await end(log, "e2", fill(Side.SELL, "0.5", "120"))
    await record_holds(log)
    shown = json.loads(await holds.get(GetPositionHold(**KEY), Metadata()))
    assert (shown["net_amount_base"], shown["position_side"], shown["executor_ids"]) == (1.5, "LONG", ["e1", "e2"])
    assert (shown["buy_breakeven_price"], shown["sell_breakeven_price"], shown["realized_pnl_quote"]) == (100.0, None, 10.0)
    assert (shown["unrealized_pnl_quote"], shown["cum_fees_quote"], shown["executor_count"]) == (75.0, 0.2, 2)
    summary = json.loads(await holds.summarise(SummarisePositionHolds(), Metadata()))
    assert (summary["total_positions"], summary["total_realized_pnl"], summary["total_unrealized_pnl"]) == (2, 10.0, 215.0)
    assert (await log.replay(HoldsView())).identical


async def test_a_hold_after_a_clear_works_and_what_it_earned_stays_in_reports(log: EventLog) -> None:
    rates = FixedRates()
    holds = Holds(log, rates)
    await end(log, "e1", BUY, fill(Side.SELL, "2", "110"))
    await record_holds(log)
    await holds.clear(ClearPositionHold(**KEY), Metadata())
    with pytest.raises(PositionHoldUnknown):
        await holds.get(GetPositionHold(**KEY), Metadata())
    with pytest.raises(PositionHoldUnknown):
        await holds.clear(ClearPositionHold(**KEY), Metadata())
    await end(log, "e2", fill(Side.SELL, "1", "160"))
    await record_holds(log)
    rates.away = True
    shown = json.loads(await holds.get(GetPositionHold(**KEY), Metadata()))
    assert (shown["position_side"], shown["executor_ids"], shown["sell_breakeven_price"]) == ("SHORT", ["e2"], 160.0)
    assert shown["unrealized_pnl_quote"] is None
    assert (
        json.loads(await holds.summarise(SummarisePositionHolds(controller_id="main"), Metadata()))["total_unrealized_pnl"]
        is None
    )
    totals = await holds.totals("main")
    assert (totals.active, totals.realized, totals.fees, totals.unrealized) == (1, 20, Decimal("0.3"), 0)
