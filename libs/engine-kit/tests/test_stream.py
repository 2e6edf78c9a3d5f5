"""A feed's connection: told where the engine keeps it, and pinged when nothing is heard on it."""

from __future__ import annotations

import importlib
import time
from types import SimpleNamespace
from typing import Any

import pytest
from contracts.rejections import Unavailable
from engine_kit.books import Books
from engine_kit.stream import PING_SECONDS, SILENT_SECONDS, probe, silence, stream_of

SOURCES = {
    "hummingbot.connector.exchange.binance.binance_api_order_book_data_source": "BinanceAPIOrderBookDataSource",
    "hummingbot.connector.derivative.binance_perpetual.binance_perpetual_api_order_book_data_source": (
        "BinancePerpetualAPIOrderBookDataSource"
    ),
}


class Stream:
    """Something was heard on it so many seconds ago."""

    def __init__(self, ago: float, error: Exception | None = None) -> None:
        self.last_recv_time = time.time() - ago
        self.pings = 0
        self._error = error

    async def ping(self) -> None:
        self.pings += 1
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("module", SOURCES)
def test_a_connection_that_is_down_is_told(module: str) -> None:
    """That of perpetual books too, whose source has a loop of its own."""
    source = object.__new__(getattr(importlib.import_module(module), SOURCES[module]))
    for connection in (None, Stream(0)):
        source._ws_assistant = connection
        assert stream_of(source) is connection


def test_a_source_that_does_not_tell_is_never_silent() -> None:
    class Elsewhere:
        async def listen_for_subscriptions(self) -> None: ...

    source = Elsewhere()
    assert stream_of(source) is source
    assert silence(source) == 0


@pytest.mark.parametrize("error", [None, ConnectionResetError(), AttributeError()])
async def test_only_a_silent_connection_is_pinged(error: Exception | None) -> None:
    busy, quiet = Stream(0), Stream(PING_SECONDS + 1, error)
    for stream in (busy, quiet, SimpleNamespace()):
        await probe(stream)
    assert (busy.pings, quiet.pings) == (0, 1)


def test_a_book_behind_a_silent_connection_is_not_served() -> None:
    class Source:
        _ws_assistant: Any = None

        async def listen_for_subscriptions(self) -> Any:
            return self._ws_assistant

    source = Source()
    metrics = SimpleNamespace(per_pair_metrics={"BTC-USDT": SimpleNamespace(last_diff_timestamp=time.perf_counter())})
    rows = [SimpleNamespace(price=1.0)], [SimpleNamespace(price=2.0)]
    book = SimpleNamespace(bid_entries=lambda: rows[0], ask_entries=lambda: rows[1])
    tracker = SimpleNamespace(data_source=source, metrics=metrics, order_books={"BTC-USDT": book})
    books: Any = Books(SimpleNamespace())  # type: ignore[arg-type]
    feed_type = importlib.import_module("engine_kit.books")._Feed
    feed = books._feeds["binance"] = feed_type(SimpleNamespace(order_book_tracker=tracker), SimpleNamespace())
    for ago, served in ((0.0, True), (SILENT_SECONDS + 1, False)):
        source._ws_assistant = feed.on["BTC-USDT"] = Stream(ago)
        if served:
            assert books.book("binance", "BTC-USDT") is book
        else:
            with pytest.raises(Unavailable, match="silent"):
                books.book("binance", "BTC-USDT")
