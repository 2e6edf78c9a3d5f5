"""Order books through the engine, at the sandbox exchange: queries equal brute force on the exchange's true book."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from contracts.market_data import GetOrderBook, MarketNotFound, MeasureOrderBook
from contracts.message import Metadata
from contracts.rejections import Unavailable
from engine_kit import listing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_data.adapters.loading import Loading
from market_data.adapters.order_books import EngineMarkets
from market_data.handlers.books import OrderBooks
from market_data.handlers.feeds import Feeds
from sandbox_admin_token import ADMIN

DEPTHS = {"binance": "/api/v3/depth", "binance_perpetual": "/fapi/v1/depth"}
PAIR = "BTC-USDT"

type Side = list[tuple[Decimal, Decimal]]


async def true_book(url: str, connector: str) -> tuple[Side, Side]:
    """The exchange's own bids and asks, asked without the engine."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{url}{DEPTHS[connector]}", params={"symbol": "BTCUSDT", "limit": 1000}) as answer,
    ):
        book = json.loads(await answer.text())
    bids, asks = ([(Decimal(price), Decimal(amount)) for price, amount in book[side]] for side in ("bids", "asks"))
    return bids, asks


def shown_side(levels: list[dict[str, Any]]) -> Side:
    return [(Decimal(level["price"]), Decimal(level["amount"])) for level in levels]


def taken(side: Side, volume: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Worst and average price of a volume, by taking level after level; None when there is not so much."""
    left, paid = volume, Decimal(0)
    for price, amount in side:
        paid += price * min(amount, left)
        left -= min(amount, left)
        if not left:
            return price, paid / volume
    return None, None


@pytest.mark.parametrize("connector", sorted(DEPTHS))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(volume=st.integers(1, 60_000).map(lambda number: Decimal(number) / 1000), is_buy=st.booleans())
async def test_queries_equal_brute_force_on_the_true_book(
    loading: Loading, url: str, connector: str, volume: Decimal, is_buy: bool
) -> None:
    markets = EngineMarkets(loading)
    books = OrderBooks(markets, Feeds(timeout=600, every=300, patience=60))
    try:
        async with asyncio.timeout(90):
            while True:
                # The market moves: both are compared when it stood still around our questions.
                before = await true_book(url, connector)
                answers = {}
                for measure in ("price-for-volume", "vwap-for-volume"):
                    query = MeasureOrderBook(
                        connector=connector, trading_pair=PAIR, is_buy=is_buy, measure=measure, value=volume
                    )
                    answers[measure] = json.loads(await books.measure(query, Metadata()), parse_float=Decimal)
                shown = GetOrderBook(connector=connector, trading_pair=PAIR, depth=1000)
                snapshot: dict[str, Any] = json.loads(await books.snapshot(shown, Metadata()), parse_float=Decimal)
                ours = tuple(shown_side(snapshot[side]) for side in ("bids", "asks"))
                if ours == before == await true_book(url, connector):
                    break
        worst, average = taken(before[1 if is_buy else 0], volume)
        assert answers["price-for-volume"]["result_price"] == worst
        if average is None:
            assert answers["vwap-for-volume"]["average_price"] is None
        else:
            assert abs(answers["vwap-for-volume"]["average_price"] - average) < Decimal("1e-9")
    finally:
        await markets.stop()


async def test_a_bad_pair_is_refused_and_leaves_the_others(loading: Loading) -> None:
    markets = EngineMarkets(loading)
    feeds = Feeds(timeout=600, every=300, patience=60)
    books = OrderBooks(markets, feeds)
    try:
        await books.snapshot(GetOrderBook(connector="binance", trading_pair=PAIR), Metadata())
        for connector, pair in (("binance", "NO-PAIR"), ("nowhere", PAIR)):
            with pytest.raises(MarketNotFound):
                await books.snapshot(GetOrderBook(connector=connector, trading_pair=pair), Metadata())
        with pytest.raises(Unavailable, match="sandbox mode"):
            await books.snapshot(GetOrderBook(connector="okx", trading_pair=PAIR), Metadata())
        assert list(feeds.listing()) == [f"order_book_binance_{PAIR}"]
        assert feeds.listing()[f"order_book_binance_{PAIR}"]["status"] == "live"
    finally:
        await markets.stop()


async def test_a_pair_that_is_halted_has_no_book_until_the_halt_ends_and_the_others_do(
    loading: Loading, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "AGAIN_SECONDS", 0.0)
    markets = EngineMarkets(loading)
    books = OrderBooks(markets, Feeds(timeout=600, every=300, patience=60))
    eth = GetOrderBook(connector="binance", trading_pair="ETH-USDT")
    headers = {"X-Admin-Token": ADMIN}
    async with aiohttp.ClientSession(url, headers=headers) as admin:
        fault = {"kind": "halt", "symbol": "ETHUSDT", "seconds": 600}
        async with admin.post("/admin/faults", json=fault) as answer:
            assert answer.status == 201, await answer.text()
        try:
            with pytest.raises(MarketNotFound, match="ETH-USDT"):
                await books.snapshot(eth, Metadata())
            await books.snapshot(GetOrderBook(connector="binance", trading_pair=PAIR), Metadata())
            async with admin.delete("/admin/faults") as answer:
                assert answer.status < 300, await answer.text()
            assert json.loads(await books.snapshot(eth, Metadata()))["bids"]
        finally:
            await markets.stop()
