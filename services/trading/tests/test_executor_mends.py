"""What the engine's executors did wrong about orders that were executed in part, and how it is put right."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from contracts.rejections import Unavailable
from contracts.trading import CloseType, ExecutorStatus, ExecutorType, OrderStatus
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from executor_examples import built, complete_config, filled_order
from trading.adapters import executor_configs
from trading.adapters.executor_orders import Placed, Wanted


@pytest.fixture(scope="module", autouse=True)
def loaded_engine() -> Iterator[None]:
    made = Engine(Venue(None))
    asyncio.run(made.start())
    executor_configs.load()
    yield
    asyncio.run(made.stop())


def part(order_id: str, wanted: Wanted, share: str) -> Placed:
    """A cancelled order that executed a share of its amount."""
    whole = filled_order(order_id, wanted)
    amount = wanted.amount * Decimal(share)
    fill = whole.fills[0].model_copy(update={"amount": amount})
    quote = amount * fill.price
    return replace(whole, status=OrderStatus.CANCELLED, filled_amount=amount, filled_quote=quote, fills=(fill,))


async def test_a_partly_executed_open_order_is_the_position_and_not_opened_again() -> None:
    asked: list[Wanted] = []
    position = built(ExecutorType.POSITION, asked)
    await position.begin()
    await position.step()
    order = part("o1", asked[0], "0.4")
    for kind in ("created", "filled", "cancelled"):
        position.tell(kind, order, "o1", asked[0])
    await position.step()
    assert len(asked) == 1
    assert position._executor.amount_to_close == Decimal("0.04")


async def test_what_a_cancelled_close_order_executed_is_not_closed_again() -> None:
    asked: list[Wanted] = []
    position = built(ExecutorType.POSITION, asked)
    await position.begin()
    await position.step()
    opened = filled_order("o1", asked[0])
    for kind in ("created", "filled", "completed"):
        position.tell(kind, opened, "o1", asked[0])
    position._executor.place_close_order_and_cancel_open_orders(close_type=position._executor.close_type)
    closing = part("o2", asked[1], "0.7")
    for kind in ("created", "filled", "cancelled"):
        position.tell(kind, closing, "o2", asked[1])
    assert position._executor.amount_to_close == Decimal("0.03")


async def test_a_replaced_order_of_a_plan_counts_with_what_it_executed() -> None:
    asked: list[Wanted] = []
    config = complete_config(ExecutorType.TWAP)
    twap = built(ExecutorType.TWAP, asked, config)
    await twap.begin()
    await twap.step()
    order = part("o1", asked[0], "0.5")
    for kind in ("created", "filled", "cancelled"):
        twap.tell(kind, order, "o1", asked[0])
    await twap.step()
    executed = order.filled_quote
    left = (Decimal(1000) - executed) / twap._executor.config.number_of_orders / Decimal(50000)
    assert asked[1].amount == left
    assert twap._executor.get_total_executed_amount() == order.filled_amount


async def test_orders_of_a_plan_that_are_due_together_are_placed_one_after_the_other() -> None:
    asked: list[Wanted] = []
    twap = built(ExecutorType.TWAP, asked)
    twap._executor._order_plan = {at - 60: None for at in twap._executor._order_plan}
    await twap.begin()
    for number in range(1, 8):
        await twap.step()
        await twap.step()
        assert len(asked) == number
        assert twap.status is ExecutorStatus.RUNNING
        for kind in ("created", "filled", "completed"):
            twap.tell(kind, filled_order(f"o{number}", asked[-1]), f"o{number}", asked[-1])
    spent = sum(each.amount * Decimal(50000) for each in asked)
    assert abs(spent - Decimal(1000)) < Decimal("0.01")


async def test_a_market_order_of_a_plan_that_is_known_and_not_executed_yet_is_waited_for() -> None:
    asked: list[Wanted] = []
    twap = built(ExecutorType.TWAP, asked)
    twap._executor._order_plan = {at - 60: None for at in twap._executor._order_plan}
    await twap.begin()
    await twap.step()
    order = filled_order("o1", asked[0])
    waits = replace(order, status=OrderStatus.OPEN, fills=(), filled_amount=Decimal(0), average_price=None)
    twap.tell("created", waits, "o1", asked[0])
    await twap.step()
    assert len(asked) == 1
    for kind in ("filled", "completed"):
        twap.tell(kind, order, "o1", asked[0])
    await twap.step()
    assert abs(asked[1].amount - asked[0].amount) < Decimal("0.0000001")


async def test_a_plan_that_is_stopped_says_so() -> None:
    twap = built(ExecutorType.TWAP, [])
    await twap.begin()
    twap.early_stop(keep_position=False)
    await twap.step()
    assert twap.close_type is CloseType.EARLY_STOP


async def test_what_a_cancelled_maker_order_executed_is_hedged() -> None:
    asked: list[Wanted] = []
    xemm = built(ExecutorType.XEMM, asked)
    xemm._executor._status = ExecutorStatus.RUNNING
    await xemm._executor.create_maker_order()
    order = part("o1", asked[0], "0.3")
    for kind in ("created", "filled", "cancelled"):
        xemm.tell(kind, order, "o1", asked[0])
    hedge = asked[1]
    assert (hedge.side, hedge.trading_pair, hedge.amount) == ("SELL", "BTC-USDC", Decimal("0.03"))
    assert xemm.status is ExecutorStatus.SHUTTING_DOWN


async def test_a_maker_order_cancelled_in_vain_is_hedged_when_it_is_executed() -> None:
    asked: list[Wanted] = []
    xemm = built(ExecutorType.XEMM, asked)
    await xemm._executor.create_maker_order()
    xemm.tell("created", replace(filled_order("o1", asked[0]), status=OrderStatus.PENDING_CANCEL, fills=()), "o1", asked[0])
    await xemm._executor.control_update_maker_order()
    for kind in ("filled", "completed"):
        xemm.tell(kind, filled_order("o1", asked[0]), "o1", asked[0])
    assert [each.amount for each in asked] == [Decimal("0.1"), Decimal("0.1")]


async def test_an_xemm_that_hedged_is_completed() -> None:
    asked: list[Wanted] = []
    xemm = built(ExecutorType.XEMM, asked)
    await xemm._executor.create_maker_order()
    for order_id in ("o1", "o2"):
        for kind in ("created", "filled", "completed"):
            xemm.tell(kind, filled_order(order_id, asked[-1]), order_id, asked[-1])
    await xemm.step()
    assert (xemm.status, xemm.close_type) == (ExecutorStatus.TERMINATED, CloseType.COMPLETED)


async def test_a_close_order_that_nobody_answered_yet_is_not_placed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Wanted] = []
    grid = built(ExecutorType.GRID, asked)
    monkeypatch.setattr(grid._executor, "_sleep", lambda _: asyncio.sleep(0))
    await grid.begin()
    await grid.step()
    opened = len(asked)
    for number, wanted in enumerate(list(asked), start=1):
        for kind in ("created", "filled", "completed"):
            grid.tell(kind, filled_order(f"o{number}", wanted), f"o{number}", wanted)
    grid.early_stop(keep_position=False)
    for _ in range(5):
        await grid.step()
    assert [each.side for each in asked[opened:]] == ["SELL"]


async def test_a_dca_places_the_level_again_whose_order_failed() -> None:
    asked: list[Wanted] = []
    config = complete_config(ExecutorType.DCA)
    dca = built(ExecutorType.DCA, asked, config)
    await dca.begin()
    while len(asked) < len(dca._executor.config.prices):
        await dca.step()
    first = asked[0]
    dca.tell("failed", None, "o1", first)
    state = dca.state()
    dca = built(ExecutorType.DCA, asked, config)
    dca.restore(state, [])
    for _ in range(3):
        await dca.step()
    assert [(each.price, each.amount) for each in asked[dca._executor.n_levels :]] == [(first.price, first.amount)]
    assert dca._executor._open_orders[0].order_id == f"o{len(asked)}"


async def test_a_dca_ends_though_an_order_came_late_and_stays_on_the_book() -> None:
    """It closed what it knew of; then the level that was on its way executed in part. The engine's waits for ever."""
    asked: list[Wanted] = []
    dca = built(ExecutorType.DCA, asked)
    await dca.begin()
    while len(asked) < 2:
        await dca.step()
    for kind in ("created", "filled", "completed"):
        dca.tell(kind, filled_order("o1", asked[0]), "o1", asked[0])
    dca.early_stop(keep_position=False)
    closing = len(asked)
    late = replace(part("o2", asked[1], "0.5"), status=OrderStatus.PARTIALLY_FILLED)
    for kind in ("created", "filled"):
        dca.tell(kind, late, "o2", asked[1])
    await dca.step()
    assert dca.status is ExecutorStatus.SHUTTING_DOWN, "its close order is under way"
    for kind in ("created", "filled", "completed"):
        dca.tell(kind, filled_order(f"o{closing}", asked[-1]), f"o{closing}", asked[-1])
    await dca.step()
    assert (dca.status, dca.close_type) == (ExecutorStatus.TERMINATED, CloseType.EARLY_STOP)
    assert len(asked) == closing, "what it left is taken off and closed by whoever drives it"


async def test_an_xemm_waits_while_a_rate_is_not_known() -> None:
    """A rate that cannot be renewed is taken away: the executor crashed on it, for it reckons fees in the base token."""
    asked: list[Wanted] = []
    xemm = built(ExecutorType.XEMM, asked)
    await xemm.begin()
    with pytest.raises(Unavailable, match="No rate of"):
        await xemm.step()
    assert (asked, xemm.status) == ([], ExecutorStatus.RUNNING)
