"""Every method of the official client's router of market data is called: one that nobody calls fails."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hummingbot_api_client import HummingbotAPIClient
from hummingbot_api_client.routers.market_data import MarketDataRouter

from tests.conformance.conftest import PAIR, Target
from tests.conformance.shapes import Each, Nothing, check, number
from tests.conformance.test_market_data import CANDLE, FEED, LEVEL, RESULT
from tests.conformance.test_rates import RATES, TICKERS

CONNECTOR = "binance"
SPAN = (1_780_000_000, 1_780_003_600)
CHANGED = {"success": bool, "connector_name": str, "trading_pair": str, "message": str}
TASK = {"exists": bool, "done?": bool, "cancelled?": bool, "exception?": (str, Nothing)}
FOLLOWED = {
    **dict.fromkeys(("best_bid", "best_ask"), (number, Nothing)),
    **dict.fromkeys(("bid_count", "ask_count", "snapshot_uid", "last_diff_uid"), int),
    "error?": str,
}
DIAGNOSTICS = {
    "connector_type": str,
    "connector_name": str,
    "has_order_book_tracker": bool,
    "tracker_ready": bool,
    "tasks": Each(TASK),
    "trading_pairs": [str],
    "order_books": Each(FOLLOWED),
    "metrics": (dict, Nothing),
    "websocket_status": str,
}
RESTARTED = {"success": bool, "message?": str, "trading_pairs?": [str], "error?": str}
FUNDING = {"trading_pair": str} | dict.fromkeys(("funding_rate", "next_funding_time", "mark_price", "index_price"), number)

CALLS: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
    "get_candles": (lambda market: market.get_candles(CONNECTOR, PAIR, "1m", 10), [CANDLE]),
    "get_historical_candles": (lambda market: market.get_historical_candles(CONNECTOR, PAIR, "1m", *SPAN), [CANDLE]),
    "get_candles_last_days": (lambda market: market.get_candles_last_days(CONNECTOR, PAIR, 1, "1h"), [CANDLE]),
    "get_available_candle_connectors": (lambda market: market.get_available_candle_connectors(), [str]),
    "get_active_feeds": (lambda market: market.get_active_feeds(), Each(FEED)),
    "get_market_data_settings": (
        lambda market: market.get_market_data_settings(),
        {"cleanup_interval": int, "feed_timeout": int, "description": str},
    ),
    "get_prices": (
        lambda market: market.get_prices(CONNECTOR, PAIR),
        {"connector": str, "prices": {PAIR: number}, "timestamp": number},
    ),
    "get_tickers": (lambda market: market.get_tickers(CONNECTOR), TICKERS),
    "get_rates": (lambda market: market.get_rates(PAIR), RATES),
    "get_funding_info": (lambda market: market.get_funding_info("binance_perpetual", PAIR), FUNDING),
    "get_order_book": (
        lambda market: market.get_order_book(CONNECTOR, PAIR, 3),
        {"trading_pair": str, "bids": [LEVEL], "asks": [LEVEL], "timestamp": number},
    ),
    "get_price_for_volume": (lambda market: market.get_price_for_volume(CONNECTOR, PAIR, 0.1, True), RESULT),
    "get_volume_for_price": (lambda market: market.get_volume_for_price(CONNECTOR, PAIR, 1.0, False), RESULT),
    "get_price_for_quote_volume": (lambda market: market.get_price_for_quote_volume(CONNECTOR, PAIR, 100.0, True), RESULT),
    "get_quote_volume_for_price": (lambda market: market.get_quote_volume_for_price(CONNECTOR, PAIR, 1.0, False), RESULT),
    "get_vwap_for_volume": (lambda market: market.get_vwap_for_volume(CONNECTOR, PAIR, 0.1, True), RESULT),
    "add_trading_pair": (lambda market: market.add_trading_pair(CONNECTOR, "ETH-USDT", "master_account", 60), CHANGED),
    "get_order_book_diagnostics": (lambda market: market.get_order_book_diagnostics(CONNECTOR, "master_account"), DIAGNOSTICS),
    "restart_order_book_tracker": (lambda market: market.restart_order_book_tracker(CONNECTOR), RESTARTED),
    "remove_trading_pair": (lambda market: market.remove_trading_pair(CONNECTOR, "ETH-USDT"), CHANGED),
}
"""By method, in the order in which they are called: the call, and the shape of its answer."""


def test_no_method_is_left_out() -> None:
    public = {
        name
        for name, _ in inspect.getmembers(MarketDataRouter, inspect.iscoroutinefunction)
        if not name.startswith("_") and name not in {"get", "post", "put", "delete"}
    }
    assert public == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_every_method_of_the_official_client(target: Target, name: str) -> None:
    call, shape = CALLS[name]
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        answer = await call(client.market_data)
    check(answer, shape)
    assert answer.get("success", True) if isinstance(answer, dict) else answer
