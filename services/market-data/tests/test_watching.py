"""Live feeds that are told of while somebody wants them."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.market_feeds import BookUpdated, PriceUpdated, WatchFeed
from contracts.message import Metadata, Update
from contracts.rejections import Unavailable
from exchange_of_candles import STEP, KnownExchange, candle
from market_data.adapters.candle_store import ParquetCandles
from market_data.domain.spans import partitions, united
from market_data.handlers import candle_feed, watching
from market_data.handlers.candles import Candles
from market_data.handlers.feeds import Feeds
from market_data.handlers.history import History
from market_data.handlers.looks import CandlesLook, Look, Members
from market_data.handlers.watching import STOPPING, Watching

DEADLINE = 60
BOOK = WatchFeed(kind="book", connector="binance", trading_pair="BTC-USDT", rows=5)
SUBJECT = "mkt.book.binance.BTC-USDT"


class Numbers:
    """A look at a number."""

    kind: type[Update] = BookUpdated

    def __init__(self) -> None:
        self.number = 0
        self.trouble: str | None = None
        self.go = asyncio.Event()
        self.go.set()
        self.rows: list[int] = []
        self.closed = 0
        self._told: int | None = None

    async def keep(self, query: WatchFeed) -> None:
        pass

    async def news(self, rows: int) -> Members | None:
        self.rows.append(rows)
        await self.go.wait()
        if self.trouble is not None:
            raise Unavailable(self.trouble)
        before, self._told = self._told, self.number
        return self.whole(rows) if self.number != before else None

    def whole(self, rows: int) -> Members:
        return {"rows": rows, "bids": ((str(self.number), "1"),)}

    def beat(self, rows: int) -> Members:
        return self.whole(rows)

    def afresh(self) -> None:
        self._told = None

    def close(self) -> None:
        self.closed += 1


class Listener:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()

    async def tell(self, subject: str, data: bytes) -> None:
        self.updates.append((subject, json.loads(data)))
        self._news.set()

    def of(self, subject: str) -> list[dict[str, Any]]:
        return [update for told, update in self.updates if told == subject]

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not check():
                self._news.clear()
                await self._news.wait()


async def ended(watch: Watching) -> None:
    async with asyncio.timeout(DEADLINE):
        while watch.count():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)


async def test_updates_are_told_while_the_feed_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "WANTED_SECONDS", 1.0)
    look, heard = Numbers(), Listener()
    watch = Watching(heard.tell, lambda _: look)
    whole = json.loads(await watch.watch(BOOK, Metadata()))
    assert (whole["bids"], whole["rows"], whole["trouble"]) == ([["0", "1"]], 5, None)
    assert heard.of(SUBJECT)[-1]["number"] == whole["number"], "what was told before the answer is part of it"
    look.number = 7
    await heard.until(lambda: heard.of(SUBJECT)[-1]["bids"] == [["7", "1"]])
    await ended(watch)
    told = heard.of(SUBJECT)
    assert [update["number"] for update in told] == list(range(1, len(told) + 1))
    assert {update["owner"] for update in told} == {whole["owner"]}
    assert look.closed == 1


async def test_the_most_rows_that_anybody_wants_are_told() -> None:
    look, heard = Numbers(), Listener()
    watch = Watching(heard.tell, lambda _: look)
    await watch.watch(BOOK.model_copy(update={"rows": 50}), Metadata())
    assert json.loads(await watch.watch(BOOK, Metadata()))["rows"] == 50
    await watch.stop()


async def test_what_does_not_change_is_told_again_in_time() -> None:
    look, heard = Numbers(), Listener()
    watch = Watching(heard.tell, lambda _: look)
    await watch.watch(BOOK, Metadata())
    await heard.until(lambda: len(heard.of(SUBJECT)) >= 3)
    assert all(update["bids"] == [["0", "1"]] for update in heard.of(SUBJECT))
    await watch.stop()


async def test_trouble_is_told_and_its_end_with_all_there_is() -> None:
    look, heard = Numbers(), Listener()
    watch = Watching(heard.tell, lambda _: look)
    await watch.watch(BOOK, Metadata())
    look.trouble = "crossed"
    await heard.until(lambda: heard.of(SUBJECT)[-1]["trouble"] == "crossed")
    assert heard.of(SUBJECT)[-1]["bids"] == []
    with pytest.raises(Unavailable, match="crossed"):
        await watch.watch(BOOK, Metadata())
    look.trouble = None
    await heard.until(lambda: heard.of(SUBJECT)[-1]["bids"] == [["0", "1"]])
    await watch.stop()
    assert heard.of(SUBJECT)[-1]["trouble"] == STOPPING


async def test_a_feed_that_hangs_delays_no_other() -> None:
    looks = {"book": Numbers(), "price": Numbers()}
    looks["price"].kind = PriceUpdated
    heard = Listener()
    made: Callable[[str], Look] = looks.__getitem__
    watch = Watching(heard.tell, made)
    await watch.watch(BOOK, Metadata())
    hanging = BOOK.model_copy(update={"kind": "price"})
    await watch.watch(hanging, Metadata())
    looks["price"].go.clear()
    await heard.until(lambda: len(looks["price"].rows) > 1)
    before = len(heard.of(SUBJECT))
    looks["book"].number = 3
    await heard.until(lambda: len(heard.of(SUBJECT)) > before and heard.of(SUBJECT)[-1]["bids"] == [["3", "1"]])
    await watch.stop()


async def test_deltas_of_candles_are_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the stream says, and does not say: who follows the news has what a reader of the feed gets."""
    monkeypatch.setattr(candle_feed, "BEHIND", 0.0)
    for seed in range(20):
        chance, exchange = random.Random(seed), KnownExchange(page=500)
        history = History(exchange, ParquetCandles(tmp_path / str(seed), partitions, united), patience=60)
        candles = Candles(exchange, history._store, history, Feeds(timeout=600, every=300, patience=30))
        look, rows, known = CandlesLook(candles), 5, dict[int, str]()
        await look.keep(WatchFeed(kind="candles", connector="known", trading_pair="BTC-USDT", rows=rows))
        assert exchange.told is not None
        newest = int(time.time()) // STEP * STEP
        for _ in range(30):
            match chance.randrange(5):
                case 0:
                    newest += STEP * chance.randrange(1, 4)
                    exchange.told(candle(newest, close=chance.random()))
                case 1:
                    exchange.told(None)
                case 2:
                    rows = chance.choice([3, 5, 300])
                case _:
                    exchange.told(candle(newest, close=chance.random()))
            news = await look.news(rows)
            if news is not None:
                known = dict(news["candles"]) if news.get("whole") else known | dict(news["candles"])
                known = {opened: known[opened] for opened in sorted(known)[-rows:]}
            assert look._feed is not None
            assert list(known.items())[-rows:] == list((await look._feed.window(rows)).items())
