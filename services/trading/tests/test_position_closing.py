"""Closing the positions of a session: what the exchange says is open, each once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from contracts.message import Metadata
from contracts.trading import ClosePositions, OrderType, PositionAction, PositionsClosed, Side
from rig import ACCOUNT, CONNECTOR, Rig
from trading.handlers import position_closing
from trading.handlers.exchange import Holdings

COMMAND = ClosePositions(account=ACCOUNT, connector=CONNECTOR)


class Futures:
    """Positions of the exchange in memory; orders that close fill at once unless `stuck`."""

    def __init__(self, rig: Rig, **amounts: str) -> None:
        self.amounts = {pair.replace("_", "-"): Decimal(amount) for pair, amount in amounts.items()}
        self.stuck = False
        self._rig = rig
        session = rig.exchange.sessions[-1]
        self._submit = session.submit
        session.holdings = self.holdings  # type: ignore[method-assign]
        session.submit = self.submit  # type: ignore[method-assign,assignment]

    async def holdings(self) -> Holdings:
        return Holdings(dict(self.amounts), derivative=True)

    async def submit(self, order):  # type: ignore[no-untyped-def]
        outcome = await self._submit(order)
        if not self.stuck:
            self.amounts[order.trading_pair] += order.amount if order.side is Side.BUY else -order.amount
            self._rig.exchange.fill(order.order_id, order.amount, self._rig.exchange.prices[order.trading_pair])
        return outcome


async def close(rig: Rig, metadata: Metadata | None = None, command: ClosePositions = COMMAND) -> PositionsClosed:
    done: PositionsClosed = await rig.commands.handlers["ClosePositions"](command, metadata or Metadata())
    return done


async def test_longs_are_sold_and_shorts_bought_back_whatever_the_limits(rig: Rig) -> None:
    await rig.start()
    futures = Futures(rig, BTC_USDT="0.5", ETH_USDT="-2")
    done = await close(rig)
    assert done.not_done == ()
    assert {(each.trading_pair, each.side, each.amount) for each in done.closed} == {
        ("BTC-USDT", Side.SELL, Decimal("0.5")),
        ("ETH-USDT", Side.BUY, Decimal(2)),
    }
    assert {(sent.order_type, sent.position_action) for sent in rig.exchange.submits} == {
        (OrderType.MARKET, PositionAction.CLOSE)
    }
    assert not any(futures.amounts.values())
    assert await close(rig) == PositionsClosed(closed=(), not_done=())
    assert len(rig.exchange.submits) == 2


async def test_only_the_pair_that_is_asked_for(rig: Rig) -> None:
    await rig.start()
    Futures(rig, BTC_USDT="0.5", ETH_USDT="-2")
    done = await close(rig, command=COMMAND.model_copy(update={"trading_pair": "ETH-USDT"}))
    assert [each.trading_pair for each in done.closed] == ["ETH-USDT"]


async def test_what_cannot_be_closed_is_told_with_its_reason(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position_closing, "END_SECONDS", 0.0)
    await rig.start()
    futures = Futures(rig, BTC_USDT="0.5", ETH_USDT="0.00001")
    futures.stuck = True
    metadata = Metadata()
    done = await close(rig, metadata)
    assert done.closed == ()
    told = {each.what: each.reason for each in done.not_done}
    assert "has not closed all of it" in told["position of 0.5 on BTC-USDT"]
    assert "below min_order_size" in told["position of 0.00001 on ETH-USDT"]
    await close(rig, metadata)
    await rig.until(lambda: len(rig.exchange.submits) == 1)


async def test_a_spot_session_has_no_positions(rig: Rig) -> None:
    await rig.start()
    assert await close(rig) == PositionsClosed(closed=(), not_done=())
    assert rig.exchange.submits == []


async def test_a_position_above_the_largest_order_is_closed_by_several(rig: Rig) -> None:
    await rig.start()
    futures = Futures(rig, BTC_USDT="20000.5")
    metadata = Metadata()
    done = await close(rig, metadata)
    assert done.not_done == ()
    assert sum(each.amount for each in done.closed) == Decimal("20000.5")
    assert len({each.order_id for each in done.closed}) == len(rig.exchange.submits) == 3
    assert not futures.amounts["BTC-USDT"]


async def test_a_part_that_is_refused_is_told_and_none_after_it_is_sent(rig: Rig) -> None:
    await rig.start()
    Futures(rig, BTC_USDT="20000.5")
    rig.exchange.room = 0
    done = await close(rig)
    assert rig.exchange.submits == []
    [left] = done.not_done
    assert done.closed == ()
    assert "More orders than" in left.reason
