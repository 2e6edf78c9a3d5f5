"""Live order books: their upkeep goes on for whoever follows them next."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

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
