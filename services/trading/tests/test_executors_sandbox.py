"""Each type of executor on the sandbox exchange, to its natural end and stopped: what it earned is what the exchange says."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from contracts.trading import CloseType, ExecutorClosed, ExecutorProgressed
from executor_rig import NOTHING, PERPETUAL, SPOT, ExecutorVenue, agrees, keeps

pytestmark = pytest.mark.timeout(400)


def position(**barriers: Any) -> dict[str, Any]:
    return {"type": "position_executor", "side": "BUY", "triple_barrier_config": {"open_order_type": "MARKET", **barriers}}


async def test_positions_end_at_their_barriers_and_when_stopped(venue: ExecutorVenue) -> None:
    trailing = {"activation_price": "0.01", "trailing_delta": "0.005"}
    taken, limit, lost, trailed, timed, stopped, kept, short = await asyncio.gather(
        venue.create("BTC", amount="0.01", **position(take_profit="0.02")),
        venue.create("ETH", amount="0.1", **position(take_profit="0.02", take_profit_order_type="LIMIT")),
        venue.create("SOL", amount="2", **position(stop_loss="0.02")),
        venue.create("BNB", amount="0.5", **position(trailing_stop=trailing)),
        venue.create("XRP", amount="100", **position(time_limit=20)),
        venue.create("LTC", amount="2", **position(time_limit=600)),
        venue.create("LINK", amount="20", **position(time_limit=600)),
        venue.create("SOL", connector=PERPETUAL, amount="2", **{**position(take_profit="0.02"), "side": "SELL"}),
    )
    await asyncio.gather(*(venue.until_filled(each) for each in (taken, limit, lost, trailed, timed, stopped, kept, short)))
    await venue.until_open(limit)
    for token, price in (("BTC", "93000"), ("ETH", "3100"), ("SOL", "170"), ("BNB", "630")):
        await venue.price(token, price)
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    await venue.until(trailed, ExecutorProgressed, lambda event: event.state["_trailing_stop_trigger_pct"] is not None)
    await venue.price("BNB", "615")
    ends = {
        taken: CloseType.TAKE_PROFIT,
        limit: CloseType.TAKE_PROFIT,
        lost: CloseType.STOP_LOSS,
        trailed: CloseType.TRAILING_STOP,
        timed: CloseType.TIME_LIMIT,
        stopped: CloseType.EARLY_STOP,
        short: CloseType.TAKE_PROFIT,
    }
    for executor_id, close_type in ends.items():
        closed = await agrees(venue, executor_id)
        assert closed.close_type is close_type
        assert (closed.net_pnl_quote > 0) is (close_type in {CloseType.TAKE_PROFIT, CloseType.TRAILING_STOP})
    assert (await keeps(venue, kept)).close_type is CloseType.POSITION_HOLD


GRID = {
    "type": "grid_executor",
    "side": "BUY",
    "total_amount_quote": "1000",
    "max_open_orders": 3,
    "min_spread_between_orders": "0.01",
}


async def test_grids_end_at_their_barriers_and_when_stopped(venue: ExecutorVenue) -> None:
    def grid(low: str, high: str, limit: str, **barriers: Any) -> dict[str, Any]:
        return {**GRID, "start_price": low, "end_price": high, "limit_price": limit, "triple_barrier_config": barriers}

    taken, lost, stopped, kept, short = await asyncio.gather(
        venue.create("BTC", **grid("88000", "92000", "80000", take_profit="0.01")),
        venue.create("ETH", **grid("2900", "3100", "2800", take_profit="0.01")),
        venue.create("AVAX", **grid("39", "42", "30", take_profit="0.01")),
        venue.create("LTC", **grid("95", "105", "80", take_profit="0.01")),
        venue.create("SOL", connector=PERPETUAL, **{**grid("170", "190", "250", take_profit="0.01"), "side": "SELL"}),
    )
    everyone = (taken, lost, stopped, kept, short)
    await asyncio.gather(*(venue.until_open(each) for each in everyone))
    for token, price in (("BTC", "88900"), ("ETH", "2960"), ("AVAX", "39.5"), ("LTC", "97"), ("SOL", "184")):
        await venue.price(token, price)
    await asyncio.gather(*(venue.until_filled(each) for each in everyone))
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    for token, price in (("BTC", "93000"), ("ETH", "2700"), ("SOL", "165")):
        await venue.price(token, price)
    ends = {
        taken: CloseType.TAKE_PROFIT,
        lost: CloseType.STOP_LOSS,
        stopped: CloseType.EARLY_STOP,
        short: CloseType.TAKE_PROFIT,
    }
    for executor_id, close_type in ends.items():
        assert (await agrees(venue, executor_id)).close_type is close_type
    assert (await keeps(venue, kept)).close_type is CloseType.POSITION_HOLD


async def test_dca_ends_at_its_barriers_and_when_stopped(venue: ExecutorVenue) -> None:
    def dca(*prices: str, **barriers: Any) -> dict[str, Any]:
        return {"type": "dca_executor", "side": "BUY", "amounts_quote": ["200", "300"], "prices": [*prices], **barriers}

    taken, lost, timed, stopped, kept, short = await asyncio.gather(
        venue.create("BTC", **dca("89000", "88000", take_profit="0.01")),
        venue.create("ETH", **dca("2970", "2940", stop_loss="0.02")),
        venue.create("AVAX", **dca("40", "39", mode="TAKER", time_limit=20)),
        # Far barriers: a fill may be heard of before the book that shows its price.
        venue.create("LTC", **dca("98", "97", take_profit="0.2")),
        venue.create("LINK", **dca("19.8", "19.6", take_profit="0.2")),
        venue.create("SOL", connector=PERPETUAL, **{**dca("182", "185", take_profit="0.01"), "side": "SELL"}),
    )
    await asyncio.gather(*(venue.until_open(each, 2) for each in (taken, lost, stopped, kept, short)))
    for token, price in (("BTC", "88500"), ("ETH", "2930"), ("LTC", "96"), ("LINK", "19.7"), ("SOL", "187")):
        await venue.price(token, price)
    await asyncio.gather(*(venue.until_filled(each, 2) for each in (lost, stopped, short)))
    await asyncio.gather(*(venue.until_filled(each) for each in (taken, timed, kept)))
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    for token, price in (("BTC", "93000"), ("ETH", "2800"), ("SOL", "165")):
        await venue.price(token, price)
    ends = {
        taken: CloseType.TAKE_PROFIT,
        lost: CloseType.STOP_LOSS,
        timed: CloseType.TIME_LIMIT,
        stopped: CloseType.EARLY_STOP,
        short: CloseType.TAKE_PROFIT,
    }
    for executor_id, close_type in ends.items():
        assert (await agrees(venue, executor_id)).close_type is close_type
    assert (await keeps(venue, kept)).close_type is CloseType.POSITION_HOLD


async def test_twap_completes_and_keeps_what_it_traded_when_stopped(venue: ExecutorVenue) -> None:
    def twap(**more: Any) -> dict[str, Any]:
        plan = {"total_amount_quote": "300", "total_duration": 10, "order_interval": 5}
        return {"type": "twap_executor", "side": "BUY", "mode": "TAKER", **plan, **more}

    maker = {"mode": "MAKER", "limit_order_buffer": "0.001", "order_resubmission_time": 30}
    done, waited, stopped, kept, short = await asyncio.gather(
        venue.create("BTC", **twap()),
        venue.create("ETH", **twap(**maker)),
        venue.create("AVAX", **twap(total_duration=600, order_interval=300)),
        venue.create("LTC", **twap(total_duration=600, order_interval=300)),
        venue.create("SOL", connector=PERPETUAL, **twap(side="SELL")),
    )
    await venue.until_open(waited, 3)
    await venue.price("ETH", "2950")
    await asyncio.gather(*(venue.until_filled(each) for each in (stopped, kept)))
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    ends = {
        done: CloseType.COMPLETED,
        waited: CloseType.COMPLETED,
        stopped: CloseType.EARLY_STOP,
        kept: CloseType.POSITION_HOLD,
        short: CloseType.COMPLETED,
    }
    for executor_id, close_type in ends.items():
        assert (await keeps(venue, executor_id)).close_type is close_type


async def test_orders_are_filled_chased_and_stopped(venue: ExecutorVenue) -> None:
    def order(strategy: str, **more: Any) -> dict[str, Any]:
        return {"type": "order_executor", "side": "BUY", "execution_strategy": strategy, **more}

    near = {"distance": "0.001", "refresh_threshold": "0.005"}
    market, limit, chased, stopped, kept, short = await asyncio.gather(
        venue.create("BTC", amount="0.01", **order("MARKET")),
        venue.create("ETH", amount="0.1", price="2950", **order("LIMIT")),
        venue.create("SOL", amount="2", chaser_config=near, **order("LIMIT_CHASER")),
        venue.create("LTC", amount="2", price="95", **order("LIMIT")),
        venue.create("LINK", amount="20", price="19", **order("LIMIT_MAKER")),
        venue.create("ETH", connector=PERPETUAL, amount="0.1", **{**order("MARKET"), "side": "SELL"}),
    )
    await asyncio.gather(*(venue.until_open(each) for each in (limit, chased, stopped, kept)))
    first = await venue.open_orders(chased)
    await venue.price("SOL", "183")
    await venue.until_open(chased, besides=first)
    for token, price in (("SOL", "182"), ("ETH", "2900")):
        await venue.price(token, price)
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    for executor_id in (market, limit, chased, short):
        assert (await keeps(venue, executor_id)).close_type is CloseType.POSITION_HOLD
    for executor_id in (stopped, kept):
        closed = await agrees(venue, executor_id)
        assert (closed.close_type, closed.filled_amount_quote) == (CloseType.EARLY_STOP, NOTHING)


def between(buying: str, selling: str, token: str, **more: Any) -> dict[str, Any]:
    pair = f"{token}-USDT"
    markets = {"buying_market": buying, "selling_market": selling}
    return {name: {"connector_name": each, "trading_pair": pair} for name, each in markets.items()} | more


def arbitrage(token: str, profit: str) -> dict[str, Any]:
    return between(PERPETUAL, SPOT, token, type="arbitrage_executor", order_amount="1", min_profitability=profit)


async def test_arbitrage_trades_both_sides_and_stops(venue: ExecutorVenue) -> None:
    done, stopped, kept = await asyncio.gather(
        venue.create_on(arbitrage("SOL", "-0.05")),
        venue.create_on(arbitrage("ETH", "0.5")),
        venue.create_on(arbitrage("ETH", "0.5")),
    )
    closed = await agrees(venue, done)
    assert closed.close_type is CloseType.COMPLETED
    assert (await venue.traded(done)).base == {(PERPETUAL, "SOL-USDT"): Decimal(1), (SPOT, "SOL-USDT"): Decimal(-1)}
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    for executor_id in (stopped, kept):
        closed = await agrees(venue, executor_id)
        assert (closed.close_type, closed.filled_amount_quote) == (CloseType.EARLY_STOP, NOTHING)


def xemm(token: str, side: str = "BUY") -> dict[str, Any]:
    profits = {"min_profitability": "0.001", "target_profitability": "0.01", "max_profitability": "0.05"}
    return between(SPOT, PERPETUAL, token, type="xemm_executor", maker_side=side, order_amount="1", **profits)


async def test_xemm_hedges_what_its_maker_bought_and_stops(venue: ExecutorVenue) -> None:
    done, stopped, kept = await asyncio.gather(
        venue.create_on(xemm("SOL")), venue.create_on(xemm("ETH")), venue.create_on(xemm("ETH"))
    )
    await asyncio.gather(*(venue.until_open(each) for each in (done, stopped, kept)))
    await venue.end(stopped)
    await venue.end(kept, keep_position=True)
    await venue.price("SOL", "176")
    assert (await agrees(venue, done)).close_type is CloseType.COMPLETED
    assert sum((await venue.traded(done)).base.values()) < Decimal("0.01")
    for executor_id in (stopped, kept):
        closed = await venue.until(executor_id, ExecutorClosed)
        assert (closed.close_type, closed.filled_amount_quote) == (CloseType.EARLY_STOP, NOTHING)
        assert not await venue.open_orders(executor_id)
