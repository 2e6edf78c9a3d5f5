"""Order books at a failing exchange: what is not good is not served, a bad pair harms no other, nothing is left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from contracts.market_data import GetOrderBook, MarketNotFound
from contracts.message import Metadata
from contracts.rejections import Unavailable
from contracts.tracked_books import AddTradingPair, DiagnoseOrderBooks, RemoveTradingPair, RestartOrderBooks
from market_data.adapters.loading import Loading
from market_data.adapters.order_books import EngineMarkets
from market_data.handlers.books import OrderBooks
from market_data.handlers.feeds import Feeds
from market_data.handlers.tracked_books import TrackedBooks
from sandbox_admin_token import ADMIN

BTC, ETH = "BTC-USDT", "ETH-USDT"


class Rig:
    """The books of a service, and the exchange's faults."""

    def __init__(self, loading: Loading, url: str, patience: float = 60) -> None:
        self.markets = EngineMarkets(loading)
        self.feeds = Feeds(timeout=600, every=300, patience=patience)
        self.books = OrderBooks(self.markets, self.feeds)
        self.tracked = TrackedBooks(self.markets, self.books, self.feeds)
        self.admin = aiohttp.ClientSession(url, headers={"X-Admin-Token": ADMIN})

    async def fault(self, **wanted: Any) -> None:
        async with self.admin.post("/admin/faults", json=wanted) as answer:
            assert answer.status == 201, await answer.text()

    async def mend(self) -> None:
        async with self.admin.delete("/admin/faults") as answer:
            assert answer.status < 300, await answer.text()

    async def book(self, pair: str = BTC) -> dict[str, Any]:
        query = GetOrderBook(connector="binance", trading_pair=pair)
        shown: dict[str, Any] = json.loads(await self.books.snapshot(query, Metadata()))
        return shown

    async def trouble(self, pair: str = BTC) -> str | None:
        try:
            await self.book(pair)
        except Unavailable as why:
            return why.detail
        return None

    async def diagnosis(self, connector: str = "binance") -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.tracked.diagnose(DiagnoseOrderBooks(connector=connector), Metadata()))
        return told

    def engine_book(self, pair: str) -> Any:
        return self.markets._books.book("binance", pair)

    async def stop(self) -> None:
        await self.mend()
        await self.admin.close()
        await self.feeds.stop()
        await self.markets.stop()


@pytest.fixture
async def rig(loading: Loading, url: str) -> AsyncIterator[Rig]:
    made = Rig(loading, url)
    yield made
    await made.stop()


async def eventually[T](ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """The first good answer."""
    async with asyncio.timeout(90):
        while True:
            answer = await ask()
            if good(answer):
                return answer
            await asyncio.sleep(0.1)


async def test_pairs_are_followed_looked_at_and_left(rig: Rig) -> None:
    assert not (await rig.diagnosis())["has_order_book_tracker"]
    for pair in (BTC, ETH):
        told = json.loads(await rig.tracked.add(AddTradingPair(connector="binance", trading_pair=pair), Metadata()))
        assert (told["success"], told["trading_pair"]) == (True, pair)
    seen = await rig.diagnosis()
    assert seen["has_order_book_tracker"]
    assert seen["websocket_status"] == "connected"
    assert seen["trading_pairs"] == [BTC, ETH]
    assert 0 < seen["order_books"][BTC]["best_bid"] < seen["order_books"][BTC]["best_ask"]
    assert seen["tasks"]["order_book_diff_router_task"] == {
        "exists": True,
        "done": False,
        "cancelled": False,
        "exception": None,
    }
    remove = RemoveTradingPair(connector="binance", trading_pair=ETH)
    assert json.loads(await rig.tracked.remove(remove, Metadata()))["success"]
    assert (await rig.diagnosis())["trading_pairs"] == [BTC], "what nobody needs is not followed"
    assert not json.loads(await rig.tracked.remove(remove, Metadata()))["success"]
    assert (await rig.book(ETH))["bids"], "whoever asks again starts it again"
    with pytest.raises(MarketNotFound):
        await rig.diagnosis("nowhere")


async def test_books_begun_anew_are_live_again(rig: Rig) -> None:
    nothing = json.loads(await rig.tracked.restart(RestartOrderBooks(connector="binance"), Metadata()))
    assert nothing == {"success": False, "error": "No order books of binance are followed"}
    await rig.book(BTC)
    await rig.book(ETH)
    before = rig.engine_book(BTC)
    told = json.loads(await rig.tracked.restart(RestartOrderBooks(connector="binance"), Metadata()))
    assert (told["success"], told["trading_pairs"]) == (True, [BTC, ETH])
    assert rig.engine_book(BTC) is not before
    assert await rig.trouble() is None


async def test_a_pair_without_a_book_says_why_and_breaks_no_other(rig: Rig) -> None:
    await rig.fault(kind="error_before", endpoint="depth", symbol="ETHUSDT", status=503)
    # The bad one begins the feed, the other comes while it does.
    bad, good = await asyncio.gather(rig.trouble(ETH), rig.trouble(BTC))
    assert bad is not None
    assert "Unknown error" in bad
    assert good is None
    again = await rig.trouble(ETH)
    assert again is not None
    assert "Unknown error" in again
    assert list(rig.feeds.listing()) == [f"order_book_binance_{BTC}"], "what cannot start leaves nothing behind"
    assert (await rig.diagnosis())["trading_pairs"] == [BTC]
    assert rig.markets._books._feeds["binance"].tracker._trading_pairs == [BTC]
    await rig.mend()
    assert await rig.trouble(ETH) is None
    assert await rig.trouble(BTC) is None


async def test_one_that_cannot_be_read_anew_keeps_no_other_away(rig: Rig) -> None:
    await rig.book(BTC)
    await rig.book(ETH)
    await rig.fault(kind="error_before", endpoint="depth", symbol="ETHUSDT", status=500)
    await rig.fault(kind="cut_socket", endpoint="market_stream", count=1)
    why = await eventually(lambda: rig.trouble(ETH), lambda trouble: trouble is not None)
    assert why is not None
    assert "not live" in why
    assert await eventually(rig.trouble, lambda trouble: trouble is None) is None
    assert await rig.trouble(ETH) is not None, "what was missed while the stream was down is not known"
    health = rig.feeds.listing()[f"order_book_binance_{ETH}"]
    assert (health["status"], health["reason"]) == ("waiting", why)
    await rig.mend()
    assert await eventually(lambda: rig.trouble(ETH), lambda trouble: trouble is None) is None


@pytest.mark.parametrize(
    ("bids", "asks", "told"), [([101.0], [100.0], "crossed, 101.0 is bid and 100.0 asked"), ([], [100.0], "nobody bids")]
)
async def test_a_crossed_or_empty_book_is_not_served_and_read_anew(
    rig: Rig, bids: list[float], asks: list[float], told: str
) -> None:
    await rig.book()
    # Not before the engine is loaded: it would keep its logger class for the whole process.
    from hummingbot.core.data_type.order_book_row import OrderBookRow

    await rig.fault(kind="error_before", endpoint="depth", status=500)
    book = rig.engine_book(BTC)
    # A snapshot of the future: no update of the exchange mends it.
    future = book.last_diff_uid + 10**9
    book.apply_snapshot(*([OrderBookRow(price, 5.0, future) for price in side] for side in (bids, asks)), future)
    why = await rig.trouble()
    assert why is not None
    assert told in why
    assert "no usable top" in str((await rig.diagnosis())["order_books"][BTC]["error"])
    await rig.mend()
    assert await eventually(rig.trouble, lambda trouble: trouble is None) is None


async def test_a_stale_book_is_not_served(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.book()
    await rig.fault(kind="error_before", endpoint="depth", status=500)
    monkeypatch.setattr("engine_kit.books.STALE_SECONDS", 0.0)
    why = await rig.trouble()
    assert why is not None
    assert "out of date" in why


async def test_a_book_that_takes_too_long_says_so_and_leaves_nothing_behind(loading: Loading, url: str) -> None:
    rig = Rig(loading, url, patience=3)
    try:
        await rig.fault(kind="timeout_before", endpoint="depth", milliseconds=60_000)
        with pytest.raises(Unavailable, match="not live within 1 seconds"):
            await rig.tracked.add(AddTradingPair(connector="binance", trading_pair=BTC, timeout=1), Metadata())
        why = await rig.trouble()
        assert why is not None
        assert "not ready within 3 seconds" in why
        assert rig.feeds.listing() == {}
        assert not (await rig.diagnosis())["has_order_book_tracker"]
    finally:
        await rig.stop()
