"""Executors whose process is killed at every step of their life end as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from contracts.naming import stream_id
from contracts.trading import (
    ExecutorCreated,
    ExecutorProgressed,
    ExecutorResumed,
)
from executor_rig import PRICES, agrees, keeps
from killed_plot import (
    AFTER_DIP,
    AFTER_TURN,
    CLOSED_AT_ONCE,
    CLOSED_BY_DIP,
    CLOSERS,
    CREATED,
    DIPPED,
    ENDED,
    HEDGERS,
    SHORT,
    TURNED,
    first,
    timed,
)
from killed_rig import Counts, KilledVenue, Way, killed

__all__ = ["killed"]

LIMIT, SHORT_LIMIT = 30, 5
INTERVAL = 20
KEEPING = {"twap", "short twap", "maker twap", "market order", "limit order", "chaser"}


class Play:
    """One run of the plot."""

    def __init__(self, venue: KilledVenue) -> None:
        self.venue = venue
        self.ids: dict[str, str] = {}

    @property
    def all(self) -> list[str]:
        return list(self.ids.values())

    def named(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return {self.ids[name]: each for name, each in wanted.items()}

    async def price(self, prices: Mapping[str, str]) -> None:
        for token, price in prices.items():
            await self.venue.price(token, price)

    async def create(self, configs: Mapping[str, dict[str, Any]]) -> None:
        for name, config in configs.items():
            self.ids[name] = await self.venue.accepted(config)

    async def again(self, way: Way = Way.WHOLE) -> None:
        """Kill the process and go on in another one."""
        self.venue.kill()
        await self.venue.resume(self.all, way)

    async def asked(self, names: Iterable[str]) -> dict[str, int]:
        """How many orders these have asked for."""
        return {each: len(await self.venue.orders(each)) for each in (self.ids[name] for name in names)}

    async def settled(self, counts: Mapping[str, Counts], closed: Iterable[str] = ()) -> None:
        await self.venue.until_counts(self.named(counts))
        await self.venue.until_closed(self.ids[name] for name in closed)


async def undisturbed(play: Play) -> None:
    await play.price(PRICES)
    await play.create(first(SHORT))
    await play.settled(CREATED, CLOSED_AT_ONCE)
    await play.create({"timed": timed(SHORT_LIMIT)})
    await play.venue.until_counts(play.named({"timed": Counts(0, 1)}))
    chased = await play.venue.open_orders(play.ids["chaser"])
    await play.price(DIPPED)
    await play.settled(AFTER_DIP, CLOSED_BY_DIP)
    await play.venue.until_open(play.ids["chaser"], besides=chased)
    await play.price(TURNED)
    await play.settled(AFTER_TURN, ["chaser"])
    await trailing(play)
    await play.price(ENDED)
    await play.venue.until_closed(play.all)


async def trailing(play: Play) -> None:
    """Until the trailing stop has a price."""
    name = "_trailing_stop_trigger_pct"
    await play.venue.until(play.ids["trailed"], ExecutorProgressed, lambda event: event.state[name] is not None)


async def asking(play: Play) -> None:
    """Killed before anything began, before what was asked for was stored as an order, and while the market moved."""
    await play.price(PRICES)
    await play.again(Way.IDLE)
    await play.create(first(INTERVAL))
    await play.again(Way.ASKING)
    await play.venue.until_asked(dict.fromkeys(play.all, 0))
    await play.again()
    await play.settled(CREATED, CLOSED_AT_ONCE)
    await play.create({"timed": timed(LIMIT)})
    await play.venue.until_counts(play.named({"timed": Counts(0, 1)}))
    chased = await play.venue.open_orders(play.ids["chaser"])
    play.venue.kill()
    await play.price(DIPPED)
    await play.again()
    await play.settled(AFTER_DIP, CLOSED_BY_DIP)
    await play.venue.until_open(play.ids["chaser"], besides=chased)
    await play.price(TURNED)
    await play.settled(AFTER_TURN, ["chaser"])
    await trailing(play)
    await play.again(Way.ASKING)
    before = await play.asked(CLOSERS)
    await play.price(ENDED)
    await play.venue.until_asked(before)
    await play.again()
    await play.venue.until_closed(play.all)


async def storing(play: Play) -> None:
    """Killed with intents that were not sent, with orders nobody heard of, and before hedges and take profits left."""
    await play.price(PRICES)
    await play.again(Way.STORING)
    await play.create(first(INTERVAL))
    await play.venue.until_stored(dict.fromkeys(play.all, 0))
    await play.again(Way.DEAF)
    await play.venue.until_sent(play.all)
    await play.again()
    await play.settled(CREATED, CLOSED_AT_ONCE)
    await play.create({"timed": timed(LIMIT)})
    await play.venue.until_counts(play.named({"timed": Counts(0, 1)}))
    chased = await play.venue.open_orders(play.ids["chaser"])
    await play.again(Way.ASKING)
    before = await play.asked(HEDGERS)
    await play.price(DIPPED)
    await play.venue.until_asked(before)
    await play.again()
    await play.settled(AFTER_DIP, CLOSED_BY_DIP)
    await play.venue.until_open(play.ids["chaser"], besides=chased)
    await play.price(TURNED)
    await play.settled(AFTER_TURN, ["chaser"])
    await trailing(play)
    before = {each: await play.venue.intents(each) for each in (play.ids[name] for name in CLOSERS)}
    play.venue.kill()
    await play.price(ENDED)
    await play.again(Way.STORING)
    await play.venue.until_stored(before)
    await play.again()
    await play.venue.until_closed(play.all)


async def check_timers(play: Play) -> None:
    """Time limit, plan and trailing stop go on from where they began, not from when the executor was taken up."""
    venue = play.venue
    for name, seconds in (("timed", LIMIT), ("twap", 2 * INTERVAL)):
        recorded = await venue.reader.read(stream_id("trading", "executor", play.ids[name]))
        times = [(each.event, each.recorded_at) for each in recorded]
        began = next(event.time for event, _ in times if isinstance(event, ExecutorCreated))
        # The close order of the one, the last order of the other.
        last = max(time for event, time in times if isinstance(event, ExecutorProgressed) and event.placing)
        taken_up = [time for event, time in times if isinstance(event, ExecutorResumed) and time < last]
        due = timedelta(seconds=seconds)
        assert began + due <= last < taken_up[-1] + due, name
    stops = await progress(venue, play.ids["trailed"], "_trailing_stop_trigger_pct")
    assert len(set(map(str, stops)) - {"None"}) == 1
    assert len(set(await progress(venue, play.ids["twap"], "_start_timestamp"))) == 1


async def progress(venue: KilledVenue, executor_id: str, name: str) -> list[Any]:
    """Every value of a part of an executor's state."""
    return [each.state[name] for each in await venue.events(executor_id) if isinstance(each, ExecutorProgressed)]


async def result(venue: KilledVenue, name: str, executor_id: str) -> tuple[Any, ...]:
    """How it ended, checked against the exchange's own books."""
    closed = await (keeps if name in KEEPING else agrees)(venue, executor_id)
    # What is kept is told at the price of the moment it ended in: its fills are compared, not what they are worth.
    worth = () if name in KEEPING else (closed.net_pnl_quote, closed.net_pnl_pct)
    figures = (*worth, closed.cum_fees_quote, closed.filled_amount_quote)
    return (closed.close_type, *figures, await venue.executions(executor_id))


@pytest.mark.timeout(900)
async def test_executors_that_were_killed_earn_what_others_do(killed: KilledVenue) -> None:
    whole = Play(killed)
    await undisturbed(whole)
    wanted = {name: await result(killed, name, each) for name, each in whole.ids.items()}
    for plot in (asking, storing):
        broken = Play(killed)
        await plot(broken)
        await check_timers(broken)
        for name, each in broken.ids.items():
            assert (name, await result(killed, name, each)) == (name, wanted[name])
