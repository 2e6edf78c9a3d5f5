"""Live candles: what the stream did not tell is asked for; feeds are shared, and closed when nobody asks."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from contracts.rejections import Unavailable
from exchange_of_candles import STEP, KnownExchange, candle
from market_data.adapters.candle import Series
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import partitions, united
from market_data.handlers import candle_feed
from market_data.handlers.candle_feed import CandleFeed
from market_data.handlers.feeds import Feeds
from market_data.handlers.history import History

SERIES = Series("known", "BTC-USDT", "1m")


def feed_of(exchange: KnownExchange, directory: Path) -> CandleFeed:
    return CandleFeed(SERIES, exchange, History(exchange, ParquetCandles(directory, partitions, united), patience=60))


async def times(feed: CandleFeed, most: int) -> list[int]:
    return [int(row["timestamp"]) for row in json.loads(await feed.candles(most))]


async def test_a_feed_is_full_at_once_and_grows_with_what_is_asked(tmp_path: Path) -> None:
    feed = feed_of(KnownExchange(page=500), tmp_path)
    await feed.start()
    newest = int(time.time()) // STEP * STEP
    few, many = await times(feed, 5), await times(feed, 300)
    assert few == many[-5:]
    assert len(many) == 300
    assert many[-1] >= newest
    assert all(other - one == STEP for one, other in pairwise(many))


async def test_the_streams_candle_wins_and_a_hole_in_the_stream_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_feed, "BEHIND", 0.0)
    exchange = KnownExchange(page=500)
    feed = feed_of(exchange, tmp_path)
    await feed.start()
    assert exchange.told is not None
    opened = (await times(feed, 1))[0]
    exchange.told(candle(opened, close=7.25))
    await feed.candles(1)
    exchange.told(candle(opened, close=8.25))
    assert json.loads(await feed.candles(1))[0]["close"] == 8.25
    exchange.told(None)
    assert feed.health()["status"] == "asking"
    before = len(exchange.asked)
    exchange.told(candle(opened, close=9.25))
    await feed.candles(2)
    assert len(exchange.asked) > before, "after an interruption the exchange is asked what the stream missed"
    assert feed.health()["interruptions"] == 1


async def test_a_hole_is_filled_also_when_the_stream_went_on_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = KnownExchange(page=500)
    feed = feed_of(exchange, tmp_path)
    await feed.start()
    assert exchange.told is not None
    newest = (await times(feed, 1))[0]
    exchange.told(candle(newest))
    monkeypatch.setattr(candle_feed, "BEHIND", 0.0)
    await feed.candles(1)
    later = newest + 6 * STEP + 1.0
    monkeypatch.setattr(time, "time", lambda: later)
    for jumped in (3, 4, 5):
        exchange.told(candle(newest + jumped * STEP))
    assert await times(feed, 6) == [newest + number * STEP for number in range(1, 7)]


async def test_a_feed_is_started_once_for_all_and_closed_when_nobody_asks(tmp_path: Path) -> None:
    exchange, made = KnownExchange(), 0
    feeds = Feeds(timeout=0.2, every=300, patience=30)

    def make() -> CandleFeed:
        nonlocal made
        made += 1
        return feed_of(exchange, tmp_path)

    found = await asyncio.gather(*(feeds.of(SERIES.name, make) for _ in range(5)))
    assert made == 1
    assert len(set(map(id, found))) == 1
    entry = feeds.listing()["candles_known_BTC-USDT_1m"]
    assert entry["feed_type"] == "candles"
    assert entry["will_expire_in"] <= 0.2
    keeping = asyncio.create_task(feeds.keep())
    async with asyncio.timeout(60):
        while feeds.listing():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.05)
    keeping.cancel()
    assert exchange.stream.stopped


async def test_a_feed_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    exchange = KnownExchange()
    exchange.failing = 1.0
    feeds = Feeds(timeout=600, every=300, patience=30)
    with pytest.raises(Unavailable, match="the exchange failed"):
        await feeds.of(SERIES.name, lambda: feed_of(exchange, tmp_path))
    assert feeds.listing() == {}


async def test_a_start_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    class Silent(KnownExchange):
        async def page(self, series: Series) -> int:
            await asyncio.Event().wait()
            return 1

    feeds = Feeds(timeout=600, every=300, patience=0.2)
    with pytest.raises(Unavailable, match="not ready within"):
        await feeds.of(SERIES.name, lambda: feed_of(Silent(), tmp_path))
    assert feeds.listing() == {}
