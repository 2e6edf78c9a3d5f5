"""Live order books: their upkeep goes on for whoever follows them next."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from bidict import bidict
from contracts.rejections import Unavailable
from engine_kit import books
from engine_kit.books import Books


async def test_a_watch_that_broke_is_begun_again_for_the_next_follower(monkeypatch: Any) -> None:
    begun = 0

    async def watch(_feed: Any) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise TypeError
        await asyncio.Event().wait()

    async def made(*_: object) -> Any:
        return SimpleNamespace(order_book_tracker=tracker)

    tracker = SimpleNamespace(start=lambda: None, stop=lambda: None, data_source=None, order_books={}, _trading_pairs=[])
    engine: Any = SimpleNamespace(venue=SimpleNamespace(admit=lambda _: None))
    monkeypatch.setattr(books, "_watch", watch)
    monkeypatch.setattr(books.public, "setting_of", lambda *_: None)
    monkeypatch.setattr(books.public, "made_public", made)
    followed = Books(engine)
    first = (await followed._feed("binance", [])).watching
    assert first is not None
    await asyncio.wait([first])
    assert isinstance(first.exception(), TypeError)
    second = (await followed._feed("binance", [])).watching
    assert second is not None
    assert second is not first
    assert (await followed._feed("binance", [])).watching is second
    await followed.stop()


async def test_a_pair_that_is_not_listed_is_refused_and_does_not_begin_a_feed(monkeypatch: Any) -> None:
    class Connector:
        order_book_tracker = SimpleNamespace(stop=lambda: None)

        def trading_pair_symbol_map_ready(self) -> bool:
            return True

        async def trading_pair_symbol_map(self) -> Any:
            return bidict({"BTCUSDT": "BTC-USDT"})

        async def _initialize_trading_pair_symbol_map(self) -> None:
            """Nothing is new."""

        def _set_trading_pair_symbol_map(self, symbols: Any) -> None:
            """As it was."""

    async def made(*_: object) -> Any:
        return Connector()

    engine: Any = SimpleNamespace(venue=SimpleNamespace(admit=lambda _: None))
    monkeypatch.setattr(books.public, "setting_of", lambda *_: None)
    monkeypatch.setattr(books.public, "made_public", made)
    followed = Books(engine)
    # The tracker's start is not there to be called: with a pair it does not know, it would follow none.
    with pytest.raises(Unavailable, match="'binance' does not list ETH-USDT now"):
        await followed.follow("binance", ["BTC-USDT", "ETH-USDT"])
    assert not followed._feeds
