"""A session's positions against its executions, on the exchange in memory: told with evidence, once, and settled."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from contracts.message import utc_now
from contracts.rejections import CursorInvalid
from contracts.trading import OrderType, Position, PositionSide, Side
from contracts.trading.reconciliation import DifferenceStatus, GetReconciliation, PositionAgreed, PositionDiffered
from eventlog.log import EventLog
from fake_derivative import FakeDerivative
from rig import PAIR, Rig
from trading.handlers.exchange import OrderTicket, PositionsChanged
from trading.views.reconciliation import search_differences

CONNECTOR = "binance_perpetual"


@pytest.fixture
async def futures(log: EventLog) -> AsyncIterator[Rig]:
    rig = Rig(log, connector=CONNECTOR)
    rig.exchange.derivative = FakeDerivative(rig.exchange)
    yield rig
    await rig.kill()


def holds(rig: Rig, amount: str) -> None:
    """The exchange has this net position now, and says so."""
    derivative, size = rig.exchange.derivative, Decimal(amount)
    assert derivative is not None
    side = PositionSide.LONG if size > 0 else PositionSide.SHORT
    held = Position(trading_pair=PAIR, side=side, amount=size, entry_price=Decimal(50000), leverage=Decimal(20))
    derivative.held = [held] if size else []
    rig.exchange.push(PositionsChanged())


def elsewhere(rig: Rig, name: str, side: Side, amount: str) -> None:
    """An order of somebody else, filled at once."""
    ticket = OrderTicket(name, PAIR, side, OrderType.LIMIT, Decimal(amount), Decimal(50000), utc_now())
    rig.exchange.place(ticket)
    rig.exchange.fill(name, Decimal(amount), Decimal(50000))


async def bought(rig: Rig, amount: str) -> str:
    order_id = await rig.place(amount=Decimal(amount))
    await rig.status(order_id, "OPEN")
    rig.exchange.fill(order_id, Decimal(amount), Decimal(50000))
    return order_id


async def told(rig: Rig) -> list[Any]:
    return [each for each in await rig.session_events() if isinstance(each, PositionDiffered | PositionAgreed)]


async def page(rig: Rig, **filters: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await search_differences(rig.log, GetReconciliation(**filters)))
    return found


async def has_told(rig: Rig, count: int) -> bool:
    return len(await told(rig)) >= count


async def test_a_position_that_our_executions_explain_is_no_difference(futures: Rig) -> None:
    await futures.start()
    order_id = await bought(futures, "0.5")
    holds(futures, "0.5")
    await futures.status(order_id, "FILLED")
    # A difference afterwards is told: the looks before it told none.
    holds(futures, "0.7")
    await futures.until(lambda: has_told(futures, 1))
    [event] = await told(futures)
    assert (event.filled_amount, event.exchange_amount, event.external_amount) == (Decimal("0.5"), Decimal("0.7"), 0)
    assert (event.reasons, event.executions, event.entry_price) == ((), 1, 50000)
    assert event.last_trades == (f"{order_id}_{futures.exchange.trades[0].trade_id}",)
    assert event.since < event.read_at


async def test_differences_are_settled_and_read_page_by_page(futures: Rig) -> None:
    await futures.start()
    for count, amount in enumerate(("1", "2", "0", "3"), 1):
        holds(futures, amount)
        await futures.until(lambda count=count: has_told(futures, count))
    rows = (await page(futures))["data"]
    assert [(row["difference"], row["status"]) for row in rows] == [("3", "OPEN"), ("2", "AGREED"), ("1", "CHANGED")]
    assert [row["settled_at"] is None for row in rows] == [True, False, False]
    assert (rows[0]["unexplained"], rows[0]["side"], rows[0]["trades_listed"]) == ("3", None, True)
    one = await page(futures, limit=1)
    assert one["pagination"]["total_count"] == 3
    rest = await page(futures, limit=2, cursor=one["pagination"]["next_cursor"])
    assert [row["difference_id"] for row in one["data"] + rest["data"]] == [row["difference_id"] for row in rows]
    assert [row["difference"] for row in (await page(futures, status=DifferenceStatus.OPEN))["data"]] == ["3"]
    assert (await page(futures, trading_pairs=("ETH-USDT",)))["data"] == []
    with pytest.raises(CursorInvalid):
        await page(futures, cursor="nonsense")


async def test_a_trade_elsewhere_and_a_liquidation_are_named_as_what_they_are(futures: Rig) -> None:
    await futures.start()
    await bought(futures, "1")
    elsewhere(futures, "web_1", Side.SELL, "0.25")
    holds(futures, "0.75")
    await futures.until(lambda: has_told(futures, 1))
    [first] = await told(futures)
    assert (first.external_amount, first.exchange_amount) == (Decimal("-0.25"), Decimal("0.75"))
    assert first.reasons == ("EXTERNAL_TRADE",)
    assert [each.split("_1_")[0] for each in first.external_trades] == ["web"]
    elsewhere(futures, "autoclose-7", Side.SELL, "0.75")
    holds(futures, "0")
    await futures.until(lambda: has_told(futures, 2))
    second = (await told(futures))[1]
    assert set(second.reasons) == {"EXTERNAL_TRADE", "LIQUIDATION"}
    assert len(second.external_trades) == 2
    assert [row["unexplained"] for row in (await page(futures))["data"]] == ["0.00", "0.00"]


async def test_a_difference_is_not_told_again_after_a_crash(futures: Rig) -> None:
    await futures.start()
    holds(futures, "1")
    await futures.until(lambda: has_told(futures, 1))
    await futures.kill()
    await futures.start()
    holds(futures, "0")
    await futures.until(lambda: has_told(futures, 2))
    assert [type(each) for each in await told(futures)] == [PositionDiffered, PositionAgreed]


async def test_a_trade_elsewhere_while_nobody_listened_on_a_pair_never_traded_here_is_found(futures: Rig) -> None:
    await futures.start()
    await futures.kill()
    ticket = OrderTicket("web_9", "ETH-USDT", Side.BUY, OrderType.LIMIT, Decimal(2), Decimal(3000), utc_now())
    futures.exchange.place(ticket)
    futures.exchange.fill("web_9", Decimal(2), Decimal(3000), pushed=False)
    derivative = futures.exchange.derivative
    assert derivative is not None
    derivative.held = [Position(trading_pair="ETH-USDT", side=PositionSide.LONG, amount=Decimal(2))]
    await futures.start()
    await futures.until(lambda: has_told(futures, 1))
    [event] = await told(futures)
    assert (event.trading_pair, event.external_amount, event.reasons) == ("ETH-USDT", 2, ("EXTERNAL_TRADE",))
