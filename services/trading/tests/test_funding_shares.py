"""Whose a funding payment is: shares that sum to it, who held what, and where they are shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Event, Metadata
from contracts.trading import (
    CloseType,
    ExecutorClosed,
    ExecutorCreated,
    ExecutorFill,
    ExecutorType,
    FundingPaid,
    GetExecutor,
    GetExecutorPerformance,
    HeldPosition,
    Market,
    OrderFilled,
    OrderPlaced,
    OrderType,
    PositionHeld,
    PositionHoldCleared,
    Side,
)
from contracts.trading.funding import FundingShare, FundingShared
from eventlog.log import EventLog
from eventlog.scenario import Scenario
from executor_rig import PERPETUAL, ExecutorVenue
from fake_derivative import FakeDerivative
from hypothesis import given
from hypothesis import strategies as st
from rig import ACCOUNT, PAIR, Rig
from trading.domain import money
from trading.domain.funding import FUNDING, ShareFunding
from trading.domain.funding_shares import Owner, shared
from trading.handlers.exchange import FundingChanged, FundingPayment
from trading.views import executor_figures
from trading.views.executor_pages import get_executor
from trading.views.executor_report import HeldTotals, executor_performance, summarise_executors
from trading.views.executor_totals import ExecutorTotalsView
from trading.views.executors import ExecutorsView
from trading.views.funding import FundingView
from trading.views.holds import HoldsView, active_hold

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
amounts = st.decimals("-1000", "1000", places=8)
positions = st.decimals("-50", "50", places=3).filter(bool)


def owner(position: str, id_: str | None = "e1") -> Owner:
    return Owner(id_, "main", Decimal(position))


def parts(*given: FundingShare) -> dict[str | None, Decimal]:
    return {each.executor_id: each.amount for each in given}


@given(amounts, st.lists(positions, min_size=1, max_size=7), st.booleans())
def test_owners_of_the_whole_position_share_the_whole_payment(amount: Decimal, held: list[Decimal], hedged: bool) -> None:
    own = [Owner(f"e{number}", "main", abs(each) if hedged else each) for number, each in enumerate(held)]
    whole = money.total(each.position for each in own)
    found = shared(amount, whole, own, hedged=hedged)
    assert money.total(each.amount for each in found) == (amount if whole else 0)


@given(amounts, positions, st.lists(positions, max_size=7), st.booleans())
def test_a_share_is_what_the_owner_alone_would_have_been_charged(
    amount: Decimal, position: Decimal, held: list[Decimal], hedged: bool
) -> None:
    own = [Owner(f"e{number}", "main", each) for number, each in enumerate(held)]
    for each in shared(amount, position, own, hedged=hedged):
        exact = amount * each.position_amount / position
        assert abs(each.amount - exact) < Decimal("1e-15")
        assert not hedged or (each.position_amount > 0) is (position > 0)


def test_the_other_side_of_a_net_position_receives_what_it_would_have() -> None:
    found = shared(Decimal(-1), Decimal(2), [owner("3"), owner("-1", "e2")], hedged=False)
    assert parts(*found) == {"e1": Decimal("-1.5"), "e2": Decimal("0.5")}
    assert parts(*shared(Decimal(-1), Decimal(3), [owner("3"), owner("-1", "e2")], hedged=True)) == {"e1": Decimal(-1)}


def test_what_nobody_held_and_what_is_not_known_stays_with_the_account() -> None:
    assert parts(*shared(Decimal(-1), Decimal(4), [owner("1")], hedged=False)) == {"e1": Decimal("-0.25")}
    assert shared(Decimal(-1), None, [owner("1")], hedged=False) == ()
    assert shared(Decimal(-1), Decimal(4), [owner("0")], hedged=False) == ()


KEY = {"account": "main", "connector": "binance_perpetual", "trading_pair": "BTC-USDT", "exchange_funding_id": "1"}
PAID = FundingPaid(**KEY, amount=Decimal("-1.5"), token="USDT", rate=None, position_amount=Decimal(3), time=NOW)
SHARES = (
    FundingShare(executor_id="e1", controller_id="c1", position_amount=Decimal(1), amount=Decimal("-0.5")),
    FundingShare(executor_id=None, controller_id="c1", position_amount=Decimal(1), amount=Decimal("-0.5")),
)
SHARE = ShareFunding(**KEY, shares=SHARES, time=NOW)
SHARED = FundingShared(**KEY, shares=SHARES, rest=Decimal("-0.5"), time=NOW)


def test_a_payment_is_shared_once_and_the_rest_is_told() -> None:
    Scenario(FUNDING).given().when(SHARE).then_nothing()
    Scenario(FUNDING).given(PAID).when(SHARE).then(SHARED)
    Scenario(FUNDING).given(PAID, SHARED).when(SHARE).then_nothing()


@pytest.fixture
async def views(database_url: str) -> AsyncIterator[EventLog]:
    own = (ExecutorsView(), ExecutorTotalsView(), HoldsView(), FundingView())
    started = EventLog(database_url, context="trading", views=own, tables=(executor_figures.metadata,))
    await started.start()
    yield started
    await started.stop()


def created(id_: str, account: str = "main", connector: str = "binance_perpetual") -> ExecutorCreated:
    return ExecutorCreated(
        executor_id=id_,
        executor_type=ExecutorType.POSITION,
        account=account,
        controller_id="c1",
        markets=(Market(connector=connector, trading_pair=PAIR),),
        config={"type": "position_executor"},
        time=NOW - timedelta(days=1),
    )


FIGURES = dict.fromkeys(("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote"), Decimal(0))


async def test_shares_are_shown_and_summed_whenever_the_executor_ends(views: EventLog) -> None:
    closed = ExecutorClosed(executor_id="e1", close_type=CloseType.EARLY_STOP, **FIGURES, time=NOW)
    fills: tuple[ExecutorFill, ...] = ()
    hold = {name: KEY[name] for name in ("account", "connector", "trading_pair")} | {"controller_id": "c1"}
    held = PositionHeld(**hold, executor_id="e0", fills=fills, position=HeldPosition(open_base=Decimal(1)), time=NOW)
    again = [each.model_copy(update={"exchange_funding_id": "2"}) for each in (PAID, SHARED)]

    async def report(**of: Any) -> tuple[float, float]:
        found = json.loads(await executor_performance(views, GetExecutorPerformance(**of), HeldTotals()))
        return found["funding_total_quote"], found["global_pnl_quote"]

    async def happen(stream: str, *events: Event) -> None:
        await views.append(stream, len(await views.read(stream)), events, Metadata())

    await happen("trading.executor-e1", created("e1"))
    await happen("trading.hold-h", held)
    await happen("trading.funding-1", PAID, SHARED)
    assert json.loads(await summarise_executors(views))["total_funding_quote"] == -0.5
    await happen("trading.executor-e1", closed)
    assert await report() == (-1.0, -1.0)
    await happen("trading.funding-2", *again)
    await happen("trading.hold-h", PositionHoldCleared(**hold, time=NOW))
    assert await report(controller_id="c1") == (-2.0, -2.0)
    assert await report(controller_id="c2") == (0.0, 0.0)
    shown = json.loads(await get_executor(views, GetExecutor(executor_id="e1")))
    assert (shown["funding_quote"], shown["net_pnl_quote"]) == (-1.0, 0.0)
    assert await active_hold(views, "main", "binance_perpetual", PAIR, "c1") is None
    assert (await views.fetch("SELECT funding_quote, cleared_funding FROM position_holds"))[0][1] == -1
    assert [row[0] for row in await views.fetch("SELECT shared FROM funding_payments")] == [True, True]
    for view in views.views:
        assert (await views.replay(view)).identical


def placed(order_id: str, executor_id: str, connector: str) -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id,
        account=ACCOUNT,
        connector=connector,
        trading_pair=PAIR,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        amount=Decimal(9),
        price=None,
        requested_amount=Decimal(9),
        requested_price=None,
        executor_id=executor_id,
        controller_id="c1",
    )


def filled(order: OrderPlaced, trade_id: str, side: Side, amount: str, time: datetime) -> OrderFilled:
    return OrderFilled(
        order_id=order.order_id,
        trade_id=trade_id,
        exchange_order_id=order.order_id,
        account=order.account,
        connector=order.connector,
        trading_pair=order.trading_pair,
        side=side,
        order_type=order.order_type,
        price=Decimal(50000),
        amount=Decimal(amount),
        fee=Decimal(0),
        fee_token="USDT",
        time=time,
    )


async def test_a_session_shares_among_those_who_held_something_then(rig: Rig) -> None:
    """Two executors and a hold; what was traded after the payment, or by one that had ended, does not count."""
    futures = rig.exchange.derivative = FakeDerivative(rig.exchange)
    at = datetime.now(UTC) - timedelta(minutes=5)
    before, after = at - timedelta(minutes=1), at + timedelta(minutes=1)
    for id_ in ("e1", "e2", "e3"):
        events: list[Event] = [created(id_, ACCOUNT, rig.connector)]
        if id_ == "e3":
            events.append(ExecutorClosed(executor_id=id_, close_type=CloseType.EARLY_STOP, **FIGURES, time=before))
        await rig.log.append(f"trading.executor-{id_}", 0, events, Metadata())
        order = placed(f"o{id_}", id_, rig.connector)
        side, amount = (Side.SELL, "0.001") if id_ == "e2" else (Side.BUY, "0.003")
        fills = [filled(order, f"{id_}a", side, amount, before), filled(order, f"{id_}b", Side.BUY, "1", after)]
        await rig.log.append(f"trading.order-o{id_}", 0, [order, *fills], Metadata())
    hold = {"account": ACCOUNT, "connector": rig.connector, "trading_pair": PAIR, "controller_id": "c1", "executor_id": "e0"}
    states = [(before, "0.002"), (after, "7")]
    kept = [PositionHeld(**hold, fills=(), position=HeldPosition(open_base=Decimal(n)), time=when) for when, n in states]
    stream = f"trading.hold-{ACCOUNT}.{rig.connector}.{PAIR}.c1"
    await rig.log.append(stream, 0, kept, Metadata())
    # The net position is 0.005: of it 0.001 was bought elsewhere.
    payment = FundingPayment("1", PAIR, Decimal("-0.025"), "USDT", Decimal("0.0001"), Decimal(50000), at)
    await rig.start()
    futures.payments.append(payment)
    rig.exchange.push(FundingChanged())

    async def done() -> list[Event]:
        return [event for event in await rig.all_events() if isinstance(event, FundingShared)]

    await rig.until(done)
    [event] = await done()
    assert isinstance(event, FundingShared)
    found = {each.executor_id: (each.position_amount, each.amount) for each in event.shares}
    assert found == {
        "e1": (Decimal("0.003"), Decimal("-0.015")),
        "e2": (Decimal("-0.001"), Decimal("0.005")),
        None: (Decimal("0.002"), Decimal("-0.01")),
    }
    assert event.rest == Decimal("-0.005")


@pytest.mark.timeout(400)
async def test_funding_on_the_sandbox_is_shared_to_the_last_digit(venue: ExecutorVenue) -> None:
    """One executor is long and one short, of one net position, which pays; nobody else has any of it."""
    barriers = {"triple_barrier_config": {"open_order_type": "MARKET", "stop_loss": "0.5"}}
    config: dict[str, Any] = {"connector": PERPETUAL, "type": "position_executor", **barriers}
    long = await venue.create("SOL", side="BUY", amount="2.1", **config)
    short = await venue.create("SOL", side="SELL", amount="0.7", **config)
    for executor_id in (long, short):
        await venue.until_filled(executor_id)
    await venue.sandbox.admin("POST", "/futures/funding", {"symbol": "SOLUSDT", "rate": "0.00013"})
    async with asyncio.timeout(venue.patience):
        while not (rows := await venue.reader.fetch("SELECT * FROM funding_payments WHERE shared")):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    paid = rows[0]["amount"]
    own = await venue.reader.fetch("SELECT executor_id, funding_quote FROM executors")
    shares = {row["executor_id"]: row["funding_quote"] for row in own}
    assert paid < 0
    assert sum(shares.values()) == paid
    assert shares[short] == -money.product(paid, Decimal("0.5"))
    report = json.loads(await executor_performance(venue.reader, GetExecutorPerformance(), HeldTotals()))
    assert report["funding_total_quote"] == float(paid)
