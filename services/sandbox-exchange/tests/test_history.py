"""Price history: the same for the same seed, from any point, and the same market at every interval."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from sandbox_exchange.domain.market.history import INTERVALS, Bar, History, interval_start, next_start
from sandbox_exchange.domain.market.ladder import ladder
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.market.prices import DAY, Candle, PriceProcess, RandomProcess, ReplayProcess
from sandbox_exchange.domain.spot.events import PriceSet, Traded
from sandbox_exchange.domain.spot.orders import Side

BTC = LISTED[0]
NOW = 20_780 * DAY + 40_000


def history(process: PriceProcess | None = None, prices_set: list[PriceSet] | None = None) -> History:
    return History(BTC, process or RandomProcess(BTC, 7), prices_set or [], {})


def joined(bars: list[Bar]) -> tuple[Decimal, ...]:
    """Open, high, low, close and the totals of consecutive bars."""
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum((bar.volume for bar in bars), Decimal(0)),
        sum((bar.quote_volume for bar in bars), Decimal(0)),
        Decimal(sum(bar.trades for bar in bars)),
        sum((bar.taker_buy_volume for bar in bars), Decimal(0)),
        sum((bar.taker_buy_quote_volume for bar in bars), Decimal(0)),
    )


def test_same_seed_same_history_from_any_point() -> None:
    whole = history().bars("1m", NOW - 86_400, NOW, NOW)
    part = history().bars("1m", NOW - 3_600, NOW, NOW)
    assert part == whole[-len(part) :]
    assert History(BTC, RandomProcess(BTC, 8), [], {}).bars("1m", NOW - 3_600, NOW, NOW) != part


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "4h", "1d", "1w"])
def test_every_interval_is_the_aggregate_of_seconds_or_minutes(interval: str) -> None:
    market = history()
    (bar,) = market.bars(interval, interval_start(interval, NOW), NOW + 1, NOW)
    finer = "1s" if INTERVALS[interval] <= 3600 else "1m"
    assert joined([bar]) == joined(market.bars(finer, bar.open_time // 1000, NOW + 1, NOW))


def test_bars_follow_each_other_and_the_last_one_is_unfinished() -> None:
    bars = history().bars("1h", NOW - 10 * 3600, NOW + 1, NOW)
    assert [after.open_time - before.close_time for before, after in pairwise(bars)] == [1] * 9
    assert bars[-1].trades == NOW % 3600 + 1
    assert bars[0].trades == 3600


def test_prices_are_continuous_over_midnight() -> None:
    process = RandomProcess(BTC, 7)
    step = abs(int(process.day(20_780).ticks[-1]) - int(process.day(20_781).ticks[0]))
    assert step < 0.002 * int(process.day(20_781).ticks[0])


def test_calendar_intervals() -> None:
    assert interval_start("1w", 4 * DAY) == 4 * DAY
    assert interval_start("1w", 4 * DAY - 1) == -3 * DAY
    assert next_start("1M", interval_start("1M", NOW)) - interval_start("1M", NOW) in {28 * DAY, 30 * DAY, 31 * DAY}


def test_a_set_price_holds_from_its_second_on_and_leaves_the_past_alone() -> None:
    process = RandomProcess(BTC, 7)
    raw = BTC.price(int(process.day(NOW // DAY).ticks[NOW % DAY]))
    changed = history(process, [PriceSet("BTCUSDT", Decimal("50000.00"), raw, NOW * 1000)])
    assert BTC.price(changed.second(NOW)[0]) == Decimal(50_000)
    assert changed.second(NOW - 1) == history(process).second(NOW - 1)
    assert abs(changed.second(NOW + DAY)[0] / history(process).second(NOW + DAY)[0] - float(50_000 / raw)) < 1e-6


def test_accounts_trades_are_part_of_the_bars() -> None:
    trade = Traded(1, "BTCUSDT", Decimal(200_000), Decimal(2), Side.BUY, 5, 0, Decimal(0), Decimal(0), NOW * 1000)
    market = History(BTC, RandomProcess(BTC, 7), [], {NOW // 60: [trade]})
    (plain,), (bar,) = (
        history().bars("1h", NOW // 3600 * 3600, NOW + 1, NOW),
        market.bars("1h", NOW // 3600 * 3600, NOW + 1, NOW),
    )
    assert (bar.high, bar.volume - plain.volume, bar.trades - plain.trades) == (Decimal(200_000), Decimal(2), 1)
    assert bar.taker_buy_quote_volume - plain.taker_buy_quote_volume == 400_000


def test_replayed_candles_are_exact_in_their_own_time_and_repeat() -> None:
    start = NOW // 60 * 60
    candles = [
        Candle(start, 100.0, 110.0, 95.0, 105.0, 3.0),
        Candle(start + 60, 105.0, 106.0, 90.0, 91.0, 2.5),
        Candle(start + 180, 91.0, 95.0, 91.0, 94.0, 0.00007),
    ]
    market = history(ReplayProcess(BTC, candles))
    bars = market.bars("1m", start, start + 240, start + 10**6)
    assert [(float(b.open), float(b.high), float(b.low), float(b.close), float(b.volume)) for b in bars] == [
        (100.0, 110.0, 95.0, 105.0, 3.0),
        (105.0, 106.0, 90.0, 91.0, 2.5),
        (91.0, 91.0, 91.0, 91.0, 0.0),
        (91.0, 95.0, 91.0, 94.0, 0.00007),
    ]
    (again,) = market.bars("1m", start + 240, start + 300, start + 10**6)
    assert joined([again]) == joined(bars[:1])
    with pytest.raises(ValueError, match="at least two"):
        ReplayProcess(BTC, candles[:1])


@pytest.mark.parametrize("pair", LISTED, ids=lambda pair: pair.symbol)
def test_the_ladder_is_two_sided_ordered_and_mostly_stands(pair: object) -> None:
    assert pair in LISTED
    listed = next(each for each in LISTED if each is pair)
    ticks = RandomProcess(listed, 7).day(20_780).ticks[:600]
    before = set(ladder(listed, int(ticks[0]), 7).bids)
    standing = []
    for price in np.asarray(ticks[1:]):
        quotes = ladder(listed, int(price), 7)
        assert [level for level, _ in quotes.bids] == sorted({level for level, _ in quotes.bids}, reverse=True)
        assert [level for level, _ in quotes.asks] == sorted({level for level, _ in quotes.asks})
        assert quotes.bids[0][0] < listed.price(int(price)) < quotes.asks[0][0]
        assert all(size > 0 for _, size in (*quotes.bids, *quotes.asks))
        standing.append(len(before & set(quotes.bids)) / len(quotes.bids))
        before = set(quotes.bids)
    assert np.mean(standing) > 0.7
