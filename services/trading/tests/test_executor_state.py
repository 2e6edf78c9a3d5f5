"""The state of every engine executor is kept whole: what decides what happens next comes back as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from contracts.rejections import Unavailable
from contracts.trading import (
    ExecutorConfigInvalid,
    ExecutorStatus,
    ExecutorType,
    ExecutorTypeUnknown,
)
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from executor_examples import SPOT, built, complete_config, filled_order
from pydantic import JsonValue
from trading.adapters import executor_configs, executor_state
from trading.adapters.executor_orders import Wanted

DERIVED = {
    ExecutorType.GRID: {
        "levels_by_state",
        "close_order_price_type",
        "close_order_side",
        "close_liquidity_placed",
        "open_liquidity_placed",
        "open_order_price_type",
        "position_break_even_price",
        "position_fees_quote",
        "position_pnl_pct",
        "position_pnl_quote",
        "position_size_base",
        "position_size_quote",
        "realized_buy_size_quote",
        "realized_fees_quote",
        "realized_imbalance_quote",
        "realized_pnl_pct",
        "realized_pnl_quote",
        "realized_sell_size_quote",
    },
    ExecutorType.DCA: {"n_levels"},
    ExecutorType.ORDER: {"_slippage_pct"},
    ExecutorType.ARBITRAGE: {
        "_amm_gas_amount",
        "_amm_gas_cost",
        "_current_profitability",
        "_last_buy_fee",
        "_last_buy_price",
        "_last_sell_fee",
        "_last_sell_price",
        "_last_tx_cost",
        "_trade_pnl_pct",
        "buying_market",
        "min_profitability",
        "order_amount",
        "quote_conversion_pair",
        "rate_oracle",
        "selling_market",
    },
    ExecutorType.XEMM: {
        "_current_trade_profitability",
        "_maker_target_price",
        "_taker_result_price",
        "_tx_cost",
        "_tx_cost_pct",
        "maker_connector",
        "maker_order_side",
        "maker_trading_pair",
        "quote_conversion_pair",
        "rate_oracle",
        "taker_connector",
        "taker_order_side",
        "taker_trading_pair",
    },
}
"""Made from the configuration, or read anew from prices, books and orders at every step."""

FROM_ABOVE = {
    "_event_pairs",
    "_max_retries",
    "_strategy",
    "close_timestamp",
    "config",
    "connectors",
    "terminated",
    "trading_rules",
    "update_interval",
}


@pytest.fixture(scope="module", autouse=True)
def loaded_engine() -> Iterator[None]:
    made = Engine(Venue(None))
    asyncio.run(made.start())
    executor_configs.load()
    yield
    asyncio.run(made.stop())


@pytest.mark.parametrize("type_", SPOT)
async def test_every_attribute_of_the_class_is_kept_or_made_again(type_: ExecutorType) -> None:
    executor = built(type_, [])._executor
    expected = {*executor_state.COMMON, *executor_state.KEPT[type_], *DERIVED.get(type_, ()), *FROM_ABOVE}
    found = {name for name in vars(executor) if not name.endswith("_forwarder")}
    assert found - expected == set()
    assert set(executor_state.KEPT[type_]) <= found


@pytest.mark.parametrize("type_", [each for each in SPOT if each not in {ExecutorType.ARBITRAGE, ExecutorType.XEMM}])
async def test_an_executor_goes_on_from_its_state_as_if_nothing_had_been(type_: ExecutorType) -> None:
    asked: list[Wanted] = []
    config = complete_config(type_)
    first = built(type_, asked, config)
    await first.begin()
    await first.step()
    assert asked
    orders = [filled_order(f"o{number}", wanted) for number, wanted in enumerate(asked, 1)]
    for order in orders:
        for kind in ("created", "filled", "completed"):
            first.tell(kind, order, order.order_id, order.wanted)
    state = first.state()
    second = built(type_, asked, config)
    second.restore(state, orders)
    assert second.state() == state
    assert second.status is first.status
    assert second.figures()["cum_fees_quote"] == first.figures()["cum_fees_quote"]
    asked_before = len(asked)
    await first.step()
    by_first = asked[asked_before:]
    del asked[asked_before:]
    await second.step()
    assert asked[asked_before:] == by_first
    assert second.state() == first.state()


async def test_a_failed_order_of_a_plan_is_placed_again_alone() -> None:
    asked: list[Wanted] = []
    config = complete_config(ExecutorType.TWAP)
    twap = built(ExecutorType.TWAP, asked, config)
    await twap.begin()
    twap._executor._start_timestamp -= 10
    twap._executor._order_plan = twap._executor.create_order_plan()
    await twap.step()
    done = filled_order("o1", asked[0])
    for kind in ("created", "filled", "completed"):
        twap.tell(kind, done, "o1", asked[0])
    await twap.step()
    assert len(asked) == 2
    twap.tell("failed", None, "o2", asked[1])
    plan = len(twap._executor._order_plan)
    await twap.step()
    assert len(twap._executor._order_plan) == plan
    assert asked[2].amount < asked[0].amount * Decimal("1.1")


def test_names_of_the_engines_enumerations_are_taken_for_their_values() -> None:
    config = complete_config(ExecutorType.POSITION)
    assert config["side"] == 1
    assert executor_configs.checked(ExecutorType.POSITION, config) == config


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"side": "UP"}, "executor_config.side"),
        ({"amount": "-1"}, "executor_config"),
        ({"amonut": "1"}, "executor_config.amonut"),
        ({"triple_barrier_config": {"stop_los": "0.1"}}, "executor_config.triple_barrier_config.stop_los"),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_field(change: dict[str, JsonValue], field: str) -> None:
    with pytest.raises(ExecutorConfigInvalid) as refused:
        executor_configs.checked(ExecutorType.POSITION, {"type": "position_executor", **SPOT[ExecutorType.POSITION], **change})
    assert refused.value.field == field


def test_a_type_is_known_or_needs_a_gateway() -> None:
    with pytest.raises(ExecutorTypeUnknown):
        executor_configs.type_of({"type": "martingale"})
    with pytest.raises(Unavailable, match="DEX Gateway"):
        executor_configs.type_of({"type": "lp_executor"})


async def test_a_plan_ends_though_an_order_of_it_never_left_and_it_was_resumed_again_and_again() -> None:
    asked: list[Wanted] = []
    config = complete_config(ExecutorType.TWAP)
    twap = built(ExecutorType.TWAP, asked, config)
    await twap.begin()
    await twap.step()
    twap.tell("failed", None, "o1", asked[0])
    for _ in range(2):
        state = twap.state()
        twap = built(ExecutorType.TWAP, asked, config)
        twap.restore(state, [])
    twap.early_stop(keep_position=False)
    await twap.step()
    assert twap.status is ExecutorStatus.TERMINATED


async def test_orders_that_an_interruption_lost_are_none_of_the_failures_an_arbitrage_gives_up_after() -> None:
    asked: list[Wanted] = []
    arbitrage = built(ExecutorType.ARBITRAGE, asked)
    await arbitrage._executor.execute_arbitrage()
    for number in range(10):
        arbitrage.tell("lost", None, f"o{number + 1}", asked[number])
    await arbitrage.step()
    assert (arbitrage.status, len(asked)) == (ExecutorStatus.SHUTTING_DOWN, 12)
    for number in range(10, 14):
        arbitrage.tell("failed", None, f"o{number + 1}", asked[number])
    await arbitrage.step()
    assert arbitrage.status is ExecutorStatus.TERMINATED
