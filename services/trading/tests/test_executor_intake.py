"""What is asked of executors is judged before anything is stored; a rehearsal stores and sends nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from contracts.message import Metadata
from contracts.trading import (
    CreateExecutor,
    ExecutorClosed,
    ExecutorConfigInvalid,
    ExecutorIdUsed,
    ExecutorNotActive,
    ExecutorProgressed,
    ExecutorStopRequested,
    ExecutorTypeUnknown,
    ExecutorUnknown,
    TradingPairUnknown,
)
from contracts.trading.executor_rehearsal import ExecutorRehearsed, RehearseExecutor, RehearseStop, StopRehearsed
from executor_rig import DEADLINE, MAIN, PERPETUAL, ExecutorVenue

pytestmark = pytest.mark.timeout(400)


def order(**changes: Any) -> dict[str, Any]:
    config = {"type": "order_executor", "connector_name": PERPETUAL, "trading_pair": "ETH-USDT", "side": "BUY", "amount": "0.1"}
    return {**config, "execution_strategy": "LIMIT", "price": "2900", **changes}


async def rehearse(venue: ExecutorVenue, **changes: Any) -> ExecutorRehearsed:
    command = RehearseExecutor(executor=CreateExecutor(account=MAIN, executor_config=order(**changes)))
    return await venue.accounts.bus.command(command, ExecutorRehearsed, Metadata(), timeout=DEADLINE)


async def rehearse_stop(venue: ExecutorVenue, executor_id: str) -> StopRehearsed:
    return await venue.accounts.bus.command(RehearseStop(executor_id=executor_id), StopRehearsed, Metadata())


async def stored(venue: ExecutorVenue) -> int:
    """How many events of executors and orders there are."""
    rows = await venue.reader.fetch(
        "SELECT count(*) FROM stored_events WHERE originator_id ~ '^trading[.](executor|order)-'",
    )
    return int(rows[0][0])


async def test_a_rehearsal_judges_and_leaves_nothing(venue: ExecutorVenue) -> None:
    done = await rehearse(venue, leverage=7)
    assert (done.dry_run, done.account_name, done.connector_name, done.trading_pair) == (True, MAIN, PERPETUAL, "ETH-USDT")
    assert done.executor_config["slippage_pct"] == "0.05"
    assert "id" not in done.executor_config
    for refused, wrong in (
        (ExecutorConfigInvalid, {"amount": "-1"}),
        (ExecutorConfigInvalid, {"leverage": 126}),
        (ExecutorConfigInvalid, {"id": "not an id"}),
        (ExecutorTypeUnknown, {"type": "wish"}),
        (TradingPairUnknown, {"trading_pair": "ETH-EUR"}),
    ):
        with pytest.raises(refused):
            await rehearse(venue, **wrong)
    with pytest.raises(ExecutorUnknown):
        await rehearse_stop(venue, "nobody")
    assert await stored(venue) == 0
    ledger = (await venue.ledger())["futures"]
    assert (ledger["orders"], ledger["leverages"]) == ([], {})


async def test_a_rehearsed_stop_stops_nothing(venue: ExecutorVenue) -> None:
    executor_id = await venue.create_on(order(id="mine"))
    await venue.until_open(executor_id)
    with pytest.raises(ExecutorIdUsed):
        await rehearse(venue, id="mine", amount="0.2")
    assert (await rehearse_stop(venue, executor_id)).status == "RUNNING"
    # It may have made progress meanwhile.
    assert not [event for event in await venue.events(executor_id) if isinstance(event, ExecutorStopRequested)]
    await venue.end(executor_id)
    await venue.until(executor_id, ExecutorClosed)
    with pytest.raises(ExecutorNotActive):
        await rehearse_stop(venue, executor_id)


async def test_leverage_is_set_before_the_first_order_and_else_left_alone(venue: ExecutorVenue) -> None:
    asked = await venue.create_on(order(leverage=7))
    await venue.until_open(asked)
    assert (await venue.ledger())["futures"]["leverages"] == {"ETHUSDT": 7}
    silent = await venue.create_on({**order(), "trading_pair": "BTC-USDT", "price": "80000", "amount": "0.01"})
    await venue.until_open(silent)
    assert (await venue.ledger())["futures"]["leverages"] == {"ETHUSDT": 7}
    refused = await venue.create_on({**order(leverage=125), "trading_pair": "SOL-USDT", "price": "150", "amount": "1"})
    closed = await venue.until(refused, ExecutorClosed)
    assert closed.close_type == "FAILED"
    assert closed.reason is not None
    assert "leverage 125 of SOL-USDT" in closed.reason
    assert not [event for event in await venue.events(refused) if isinstance(event, ExecutorProgressed)]
    assert closed.filled_amount_quote == Decimal(0)
