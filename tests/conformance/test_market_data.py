"""/market-data: candles (contract 8.9), over REST and with the official client."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hummingbot_api_client import HummingbotAPIClient

from tests.conformance.conftest import PAIR, Target
from tests.conformance.shapes import Each, Nothing, check, number

CANDLE = dict.fromkeys(
    (
        *("timestamp", "open", "high", "low", "close", "volume", "quote_asset_volume", "n_trades"),
        *("taker_buy_base_volume", "taker_buy_quote_volume"),
    ),
    number,
)
LEVEL = {"price": number, "amount": number}
RESULT = {"trading_pair": str, "is_buy": bool, "timestamp": number} | dict.fromkeys(
    (
        *("query_volume", "query_quote_volume", "query_price", "result_price", "result_volume", "result_quote_volume"),
        *("average_price", "price_impact_pct"),
    ),
    (number, Nothing),
)
FEED = {
    "feed_type": str,
    "last_access_time": number,
    "seconds_since_access": number,
    "will_expire_in": number,
    "config": str,
    "status": str,
    "reason": (str, Nothing),
    "interruptions?": int,
    "candles?": int,
}
DAY = 86400


def times(rows: list[dict[str, Any]]) -> list[float]:
    return [row["timestamp"] for row in rows]


@pytest.mark.parametrize("connector", ["binance", "binance_perpetual"])
async def test_candles_with_the_official_client(target: Target, connector: str) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        market = client.market_data
        assert connector in await market.get_available_candle_connectors()
        few: Any = await market.get_candles(connector, PAIR, "1m", 20)
        check(few, [CANDLE])
        many: Any = await market.get_candles(connector, PAIR, "1m", 700)
        assert len(few) == 20
        assert len(many) == 700, "a later request may ask for more than the first"
        assert all(other - one == 60 for one, other in pairwise(times(many)))
        assert many[-1]["timestamp"] + 60 > time.time() - 30
        feeds = await market.get_active_feeds()
        check(feeds, Each(FEED))
        assert f"candles_{connector}_{PAIR}_1m" in feeds
        settings = await market.get_market_data_settings()
        check(settings, {"cleanup_interval": int, "feed_timeout": int, "description": str})
        end = int(time.time()) - DAY
        history: Any = await market.get_historical_candles(connector, PAIR, "1m", end - 2 * DAY, end)
        check(history, [CANDLE])
        first = -(-(end - 2 * DAY) // 60) * 60
        assert times(history) == list(range(first, end + 1, 60))
        days: Any = await market.get_candles_last_days(connector, PAIR, 2, "1h")
        assert len(days) in (48, 49)


def test_a_month_of_minutes_is_the_exchanges_history(api: httpx.Client) -> None:
    """A request that is told 504 goes on where it was."""
    end = int(time.time()) // 3600 * 3600
    wanted = {"connector_name": "binance", "trading_pair": "ETH-USDT", "start_time": end - 30 * DAY, "end_time": end - 60}
    for _ in range(10):
        answer = api.post("/market-data/historical-candles", json=wanted)
        if answer.status_code != 504:
            break
        assert "kept" in answer.json()["detail"]
    assert answer.status_code == 200, answer.text
    assert times(answer.json()) == list(range(end - 30 * DAY, end, 60))
    stored = {(each["connector"], each["trading_pair"]): each for each in api.get("/market-data/candle-store").json()}
    assert stored["binance", "ETH-USDT"]["candles"] >= 30 * 1440
    assert stored["binance", "ETH-USDT"]["gaps"] == []


@pytest.mark.parametrize("connector", ["binance", "binance_perpetual"])
async def test_order_books_with_the_official_client(target: Target, connector: str) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        market = client.market_data
        book = await market.get_order_book(connector, PAIR, depth=5)
        check(book, {"trading_pair": str, "bids": [LEVEL], "asks": [LEVEL], "timestamp": number})
        assert [len(book["bids"]), len(book["asks"])] == [5, 5]
        assert book["bids"][0]["price"] < book["asks"][0]["price"]
        prices = await market.get_prices(connector, [PAIR, "ETH-USDT"])
        check(prices, {"connector": str, "prices": {PAIR: number, "ETH-USDT": number}, "timestamp": number})
        for is_buy in (True, False):
            answers = {
                "volume": await market.get_price_for_volume(connector, PAIR, 0.5, is_buy),
                "price": await market.get_volume_for_price(connector, PAIR, 10**6 if is_buy else 1.0, is_buy),
                "quote": await market.get_price_for_quote_volume(connector, PAIR, 1000.0, is_buy),
                "quote at price": await market.get_quote_volume_for_price(connector, PAIR, 10**6 if is_buy else 1.0, is_buy),
                "vwap": await market.get_vwap_for_volume(connector, PAIR, 0.5, is_buy),
            }
            for answer in answers.values():
                check(answer, RESULT)
            filled = [("volume", "result_price"), ("price", "result_volume"), ("quote", "result_price")]
            filled += [("quote at price", "result_quote_volume"), ("vwap", "average_price")]
            assert all(answers[which][field] > 0 for which, field in filled)
        deep = await market.get_vwap_for_volume(connector, PAIR, 10.0**9, True)
        assert deep["average_price"] is None, "a book that is not deep enough has no price"
        assert f"order_book_{connector}_{PAIR}" in await market.get_active_feeds()


async def test_funding_info_with_the_official_client(target: Target) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        info = await client.market_data.get_funding_info("binance_perpetual", PAIR)
    check(
        info, {"trading_pair": str} | dict.fromkeys(("funding_rate", "next_funding_time", "mark_price", "index_price"), number)
    )
    assert info["next_funding_time"] > time.time()
    assert info["mark_price"] > 0


@pytest.mark.parametrize(
    ("route", "changed", "status", "told"),
    [
        ("order-book", {"trading_pair": "NO-PAIR"}, 404, "does not list"),
        ("order-book", {"connector_name": "no_such"}, 404, "not found"),
        ("order-book", {"connector_name": "okx"}, 503, "sandbox mode"),
        ("order-book", {"depth": 1001}, 422, None),
        ("order-book/vwap-for-volume", {"trading_pair": "NO-PAIR", "volume": 1, "is_buy": True}, 404, "does not list"),
        ("order-book/vwap-for-volume", {"volume": 0, "is_buy": True}, 422, None),
        ("funding-info", {}, 400, "not a perpetual"),
    ],
)
def test_refusals_of_books_say_why(
    api: httpx.Client, route: str, changed: dict[str, Any], status: int, told: str | None
) -> None:
    answer = api.post(f"/market-data/{route}", json={"connector_name": "binance", "trading_pair": PAIR, **changed})
    assert answer.status_code == status, answer.text
    assert told is None or told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changed", "status", "told"),
    [
        ({"connector_name": "no_such"}, 400, "those that have: aevo_perpetual"),
        ({"trading_pair": "BTCUSDT"}, 400, "BASE-QUOTE"),
        ({"trading_pair": "NO-PAIR"}, 400, "does not list"),
        ({"interval": "7m"}, 400, "only: 1s, 1m"),
        ({"connector_name": "okx"}, 503, "sandbox mode"),
        ({"start_time": 2000, "end_time": 1000}, 400, "must not be after"),
        ({"start_time": 0}, 400, "at most"),
        ({"end_time": "soon"}, 422, None),
    ],
)
def test_refusals_of_history_say_why(api: httpx.Client, changed: dict[str, Any], status: int, told: str | None) -> None:
    wanted = {"connector_name": "binance", "trading_pair": PAIR, "start_time": 1_780_000_000, "end_time": 1_780_003_600}
    answer = api.post("/market-data/historical-candles", json={**wanted, **changed})
    assert answer.status_code == status
    assert told is None or told in answer.json()["detail"]


def test_a_time_before_the_exchange_has_no_candles(api: httpx.Client) -> None:
    wanted = {"connector_name": "binance", "trading_pair": PAIR, "interval": "1d", "start_time": 4_000_000_000}
    answer = api.post("/market-data/historical-candles", json={**wanted, "end_time": 4_000_100_000})
    assert answer.status_code == 404
    assert isinstance(answer.json()["detail"], str)
