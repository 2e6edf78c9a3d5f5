"""Executors whose process is killed again and again: they end as if nothing had happened."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from contracts.trading import CloseType, ExecutorClosed, ExecutorCreated, ExecutorResumed
from executor_rig import DEADLINE, PERPETUAL, PRICES, SPOT, ExecutorVenue, agrees, keeps
from sandbox_rig import Sandbox

TIME_LIMIT, SHORT = 200, 20
HELD = Path(__file__).with_name("held_trading.py")
FIRST = {"ETH": "2930", "AVAX": "39.5", "LINK": "19", "SOL": "176"}
RESTING = {"dca": 2, "grid": 3, "order": 1, "xemm": 1}
THEN = {"BTC": "93000", "ETH": "3100", "AVAX": "43", "BNB": "570"}


class KilledVenue(ExecutorVenue):
    """Trading is a process of its own, to be killed."""

    patience = 300.0
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.spawn(held=True)
        await self.until_ready()

    def spawn(self, *, held: bool) -> None:
        """Start the process; when held, its executors' orders are stored and do not leave."""
        environment = {name: value for name, value in os.environ.items() if name != "HUMMINGBUS_ENV_FILE"} | {
            "TRADING_NATS_URL": self.nats_url,
            "TRADING_DATABASE_URL": self.database_url,
            "TRADING_TRANSPORT_KEY": self.settings.transport_key.get_secret_value(),
            "TRADING_SANDBOX_URL": self.sandbox.url,
            "TRADING_SETTLE_SECONDS": "2",
        }
        command = [sys.executable, str(HELD)] if held else [sys.executable, "-m", "trading"]
        self.process = subprocess.Popen(command, env=environment)

    async def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self.process.wait, self.patience)
        self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    async def taken_up(self, executor_ids: Iterable[str], *, held: bool) -> None:
        """Start the process after it was killed, and wait until it has taken up the executors that are not closed."""
        before = {each: await self.resumes(each) for each in executor_ids}
        self.spawn(held=held)
        async with asyncio.timeout(self.patience):
            for each, count in before.items():
                while await self.resumes(each) <= count and not await self.closed(each):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.2)

    async def resumes(self, executor_id: str) -> int:
        return sum(isinstance(event, ExecutorResumed) for event in await self.events(executor_id))

    async def closed(self, executor_id: str) -> bool:
        return any(isinstance(event, ExecutorClosed) for event in await self.events(executor_id))

    async def until_asked(self, executor_id: str, more_than: int = 0) -> None:
        """Until it has asked for more orders than so many."""
        async with asyncio.timeout(DEADLINE):
            while len(await self.orders(executor_id)) <= more_than:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)


@pytest.fixture
async def killed(nats_url: str, database_url: str, still_sandbox: Sandbox) -> AsyncIterator[KilledVenue]:
    made = KilledVenue(nats_url, database_url, still_sandbox)
    try:
        await made.open()
        yield made
    finally:
        made.kill()
        await made.close()


def one(token: str, **config: Any) -> dict[str, Any]:
    return {"connector_name": SPOT, "trading_pair": f"{token}-USDT", "side": "BUY", **config}


def two(token: str, **config: Any) -> dict[str, Any]:
    pair = f"{token}-USDT"
    markets = {"buying_market": PERPETUAL, "selling_market": SPOT}
    if config["type"] == "xemm_executor":
        markets = {"buying_market": SPOT, "selling_market": PERPETUAL}
    return {name: {"connector_name": each, "trading_pair": pair} for name, each in markets.items()} | config


def position(token: str, amount: str, **barriers: Any) -> dict[str, Any]:
    barrier_config = {"open_order_type": "MARKET", **barriers}
    return one(token, type="position_executor", amount=amount, triple_barrier_config=barrier_config)


def wanted(time_limit: int) -> dict[str, dict[str, Any]]:
    """An executor of each type, by a name."""
    grid = {"start_price": "39", "end_price": "42", "limit_price": "30", "max_open_orders": 3, "total_amount_quote": "1000"}
    profits = {"min_profitability": "0.001", "target_profitability": "0.01", "max_profitability": "0.05"}
    twap = {"total_amount_quote": "300", "total_duration": 10, "order_interval": 5, "mode": "TAKER"}
    return {
        "taken": position("BTC", "0.01", take_profit="0.02"),
        "lost": position("BNB", "0.5", stop_loss="0.03"),
        "timed": position("LTC", "2", time_limit=time_limit),
        "dca": one("ETH", type="dca_executor", amounts_quote=["200", "300"], prices=["2970", "2940"], take_profit="0.02"),
        "grid": one(
            "AVAX",
            type="grid_executor",
            min_spread_between_orders="0.01",
            triple_barrier_config={"take_profit": "0.01"},
            **grid,
        ),
        "twap": one("XRP", type="twap_executor", **twap),
        "order": one("LINK", type="order_executor", amount="20", price="19.5", execution_strategy="LIMIT"),
        "arbitrage": two("SOL", type="arbitrage_executor", order_amount="1", min_profitability="-0.05"),
        "xemm": two("SOL", type="xemm_executor", maker_side="BUY", order_amount="1", **profits),
    }


async def play(venue: KilledVenue, *, killing: bool) -> dict[str, str]:
    """Run one of each through the same market; killing: the process dies after every step of the plot. Ids by name.

    When killing, no order leaves the process at first.
    """
    await priced(venue, PRICES)
    ids = {name: await venue.create_on(config) for name, config in wanted(TIME_LIMIT if killing else SHORT).items()}
    if killing:
        # Their first orders are stored and have not left.
        await asked(venue, ids, dict.fromkeys(ids, 0))
        venue.kill()
        await venue.taken_up(ids.values(), held=False)
    await asyncio.gather(*(venue.until_open(ids[name], count) for name, count in RESTING.items()))
    await filled(venue, ids, {"taken": 1, "lost": 1, "timed": 1, "twap": 3, "arbitrage": 2})
    if killing:
        # What fills while nobody watches is found out.
        venue.kill()
    await priced(venue, FIRST)
    if killing:
        await venue.taken_up(ids.values(), held=False)
    await filled(venue, ids, {"dca": 2, "grid": 1, "order": 1, "xemm": 2})
    await venue.until_open(ids["grid"], side="SELL")
    if killing:
        # Positions are open; what closes them is stored and does not leave.
        venue.kill()
        await venue.taken_up(ids.values(), held=True)
    before = {name: len(await venue.orders(ids[name])) for name in ("taken", "lost", "dca")}
    await priced(venue, THEN)
    if killing:
        await asked(venue, ids, before)
        venue.kill()
        await venue.taken_up(ids.values(), held=False)
    return ids


async def priced(venue: KilledVenue, prices: Mapping[str, str]) -> None:
    for token, price in prices.items():
        await venue.price(token, price)


async def filled(venue: KilledVenue, ids: Mapping[str, str], counts: Mapping[str, int]) -> None:
    await asyncio.gather(*(venue.until_filled(ids[name], count) for name, count in counts.items()))


async def asked(venue: KilledVenue, ids: Mapping[str, str], counts: Mapping[str, int]) -> None:
    await asyncio.gather(*(venue.until_asked(ids[name], count) for name, count in counts.items()))


@pytest.mark.timeout(1800)
async def test_killed_executors_earn_what_others_do(killed: KilledVenue) -> None:
    broken = await play(killed, killing=True)
    for executor_id in broken.values():
        await killed.until(executor_id, ExecutorClosed)
    whole = await play(killed, killing=False)
    ends = {name: await killed.until(each, ExecutorClosed) for name, each in whole.items()}
    for name, executor_id in broken.items():
        closed = await (keeps if name in {"twap", "order"} else agrees)(killed, executor_id)
        assert (name, closed.close_type) == (name, ends[name].close_type)
        if name not in {"arbitrage", "xemm"}:
            # The perpetual's price is its own; these two are held against the exchange's books alone.
            assert (name, figures(closed)) == (name, figures(ends[name]))
    assert ends["taken"].close_type is CloseType.TAKE_PROFIT
    assert ends["lost"].close_type is CloseType.STOP_LOSS
    await check_timer(killed, broken["timed"])


async def check_timer(venue: KilledVenue, executor_id: str) -> None:
    """The time limit counts from the beginning, not from when the executor was taken up."""
    created = await venue.until(executor_id, ExecutorCreated)
    closed = await venue.until(executor_id, ExecutorClosed)
    resumed = [event.time for event in await venue.events(executor_id) if isinstance(event, ExecutorResumed)]
    assert closed.close_type is CloseType.TIME_LIMIT
    limit = timedelta(seconds=TIME_LIMIT)
    assert created.time + limit <= closed.time < max(created.time, *resumed) + limit


def figures(closed: ExecutorClosed) -> tuple[Any, ...]:
    return closed.net_pnl_quote, closed.net_pnl_pct, closed.cum_fees_quote, closed.filled_amount_quote
