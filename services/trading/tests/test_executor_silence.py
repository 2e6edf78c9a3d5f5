"""Executors do not trade on an order book that may be old: while the exchange is silent or cut off they wait."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from contracts.trading import CloseType, ExecutorClosed, ExecutorFaltered
from executor_rig import PERPETUAL, SPOT, ExecutorVenue, agrees

pytestmark = pytest.mark.timeout(400)


async def opened(venue: ExecutorVenue) -> list[str]:
    """A position with barriers on each market."""
    barriers = {"open_order_type": "MARKET", "stop_loss": "0.02", "take_profit": "0.2"}
    config: dict[str, Any] = {"type": "position_executor", "side": "BUY", "amount": "1", "triple_barrier_config": barriers}
    ids = [await venue.create("SOL", connector=connector, **config) for connector in (SPOT, PERPETUAL)]
    await asyncio.gather(*map(venue.until_filled, ids))
    return ids


async def waiting(venue: ExecutorVenue, ids: Sequence[str]) -> None:
    """Until each has said that it waits for its book."""
    for executor_id in ids:
        await venue.until(executor_id, ExecutorFaltered, lambda event: "order book" in event.reason)


async def stopped_out(venue: ExecutorVenue, ids: Sequence[str], placed: Sequence[int]) -> None:
    """Nothing was placed meanwhile; with the prices that are there now they close at their barrier."""
    assert [len(await venue.orders(executor_id)) for executor_id in ids] == placed
    await venue.price("SOL", "150")
    for executor_id in ids:
        closed = await agrees(venue, executor_id)
        assert (closed.close_type, closed.net_pnl_quote < Decimal(0)) == (CloseType.STOP_LOSS, True)


async def test_a_silent_exchange(venue: ExecutorVenue) -> None:
    ids = await opened(venue)
    placed = [len(await venue.orders(executor_id)) for executor_id in ids]
    exchange = venue.sandbox.process
    assert exchange is not None
    # Its connections stay, and nothing comes over them.
    exchange.send_signal(signal.SIGSTOP)
    try:
        await waiting(venue, ids)
    finally:
        exchange.send_signal(signal.SIGCONT)
    await stopped_out(venue, ids, placed)


async def test_a_stream_that_is_cut_and_books_that_cannot_be_read(venue: ExecutorVenue) -> None:
    ids = await opened(venue)
    placed = [len(await venue.orders(executor_id)) for executor_id in ids]
    for fault in ({"kind": "error_before", "endpoint": "depth"}, {"kind": "cut_socket", "endpoint": "market_stream"}):
        await venue.sandbox.admin("POST", "/faults", fault)
    # The barrier is passed where they cannot see it.
    await venue.price("SOL", "170")
    await waiting(venue, ids)
    assert not [each for id_ in ids for each in await venue.events(id_) if isinstance(each, ExecutorClosed)]
    async with asyncio.timeout(90):
        await venue.sandbox.admin("DELETE", "/faults")
    await stopped_out(venue, ids, placed)
