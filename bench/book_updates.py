"""What a book update costs the process that follows a book: from JSON text to the engine's book, while somebody looks at it.

The updates are made here and given to the engine where its WebSocket gives them: reading the socket is not part of it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time

from contracts.market_feeds import WatchFeed
from contracts.message import Metadata
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from market_data.adapters.loading import Loading
from market_data.adapters.order_books import EngineMarkets
from market_data.handlers.books import OrderBooks
from market_data.handlers.feeds import Feeds
from market_data.handlers.looks import BookLook
from market_data.handlers.watching import Watching

from bench.report import Figures

CONNECTOR, PAIR, SYMBOL = "binance", "BTC-USDT", "BTCUSDT"
COUNT = 20_000
CHANGES = 10
"""Levels that an update changes."""

AT_ONCE = 500
"""Updates between two times that the engine's tasks run."""


async def measure(exchange: str) -> Figures:
    """Updates a second and processor time of each, for the sandbox exchange at this URL."""
    loading = Loading(Engine(Venue(exchange)))
    markets = EngineMarkets(loading)
    books = OrderBooks(markets, Feeds(timeout=600, every=300, patience=60))
    told = itertools.count()

    async def tell(_subject: str, _update: bytes) -> None:
        next(told)

    watching = Watching(tell, lambda _: BookLook(books, markets))
    try:
        await watching.watch(WatchFeed(kind="book", connector=CONNECTOR, trading_pair=PAIR), Metadata())
        found = await _ingested(markets)
    finally:
        await watching.stop()
        await markets.stop()
        await loading.stop()
    return {**found, "changes": CHANGES, "told": next(told)}


async def _ingested(markets: EngineMarkets) -> Figures:
    tracker = markets._books._feeds[CONNECTOR].tracker
    source, book = tracker.data_source, tracker.order_books[PAIR]
    best, first = book.get_price(False), int(book.last_diff_uid) + 1_000_000
    updates = [_update(first + number, best) for number in range(COUNT)]
    queue = source._message_queue[source._diff_messages_queue_key]
    began, used = time.perf_counter(), time.process_time()
    for start in range(0, COUNT, AT_ONCE):
        for text in updates[start : start + AT_ONCE]:
            queue.put_nowait(json.loads(text))
        while int(book.last_diff_uid) < first + min(start + AT_ONCE, COUNT) - 1:  # noqa: ASYNC110 - the engine has no event for it
            await asyncio.sleep(0)
    elapsed, spent = time.perf_counter() - began, time.process_time() - used
    return {"per_second": round(COUNT / elapsed), "cpu_us": round(1e6 * spent / COUNT, 1), "updates": COUNT}


def _update(number: int, best: float) -> str:
    """An update in Binance's words; its levels lie below the top."""
    bids = [[f"{best - 1 - (number + level) % 50:.2f}", f"{1 + number % 7}.5"] for level in range(CHANGES)]
    return json.dumps({"e": "depthUpdate", "E": 1, "s": SYMBOL, "U": number, "u": number, "b": bids, "a": []})
