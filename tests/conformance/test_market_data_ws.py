"""/ws/market-data (contract 9.1 and 9.2) with the official client, unchanged."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from hummingbot_api_client import HummingbotAPIClient
from hummingbot_api_client.ws import MarketDataWebSocket

from tests.conformance.conftest import PAIR, Target
from tests.conformance.shapes import check, number

DEADLINE = 90
CALLED = {"ping", "unsubscribe", "receive", "close", "subscribe_candles", "subscribe_order_book", "subscribe_trades"}
"""The methods of the official client that are called below."""

CANDLE = dict.fromkeys(
    (
        *("timestamp", "open", "high", "low", "close", "volume", "quote_asset_volume", "n_trades"),
        *("taker_buy_base_volume", "taker_buy_quote_volume"),
    ),
    number,
)
FRAME = {"type": str, "subscription_id": str, "timestamp": number, "dropped?": int}


def test_every_method_of_the_client_is_called_here() -> None:
    methods = {name for name, _ in inspect.getmembers(MarketDataWebSocket, inspect.isfunction) if not name.startswith("_")}
    assert methods - CALLED == set()


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[MarketDataWebSocket]:
    async with (
        asyncio.timeout(DEADLINE),
        HummingbotAPIClient(target.url, target.username, target.password) as client,
        client.ws.market_data() as socket,
    ):
        yield socket


async def until(socket: MarketDataWebSocket, kind: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = await socket.receive()
        if frame["type"] == kind:
            return frame
        assert frame["type"] != "error", frame


@pytest.mark.parametrize("connector", ["binance", "binance_perpetual"])
async def test_candles(target: Target, connector: str) -> None:
    async with opened(target) as socket:
        assert len(str(socket.connection_id)) == 8
        check(await socket.ping(), {"type": str, "timestamp": number})
        id_ = await socket.subscribe_candles(connector, PAIR, interval="1m", max_records=30, update_interval=0.25)
        assert id_ == f"candles_{connector}_{PAIR}_1m"
        first = await socket.receive()
        check(first, {**FRAME, "data": [CANDLE]})
        assert (first["type"], first["subscription_id"], len(first["data"])) == ("candles", id_, 30)
        update = await until(socket, "candle_update")
        check(update, {**FRAME, "data": CANDLE})
        assert update["data"]["timestamp"] >= first["data"][-1]["timestamp"]
        await until(socket, "candle_update")


@pytest.mark.parametrize("connector", ["binance", "binance_perpetual"])
async def test_order_book_and_trades(target: Target, connector: str) -> None:
    async with opened(target) as socket:
        book_id = await socket.subscribe_order_book(connector, PAIR, depth=5, update_interval=0.25)
        assert book_id == f"order_book_{connector}_{PAIR}"
        books = [await until(socket, "order_book") for _ in range(3)]
        for book in books:
            check(book, {**FRAME, "data": {"bids": [[number]], "asks": [[number]]}})
            bids, asks = book["data"]["bids"], book["data"]["asks"]
            assert [len(bids), len(asks)] == [5, 5]
            assert bids == sorted(bids, reverse=True)
            assert asks == sorted(asks)
            assert bids[0][0] < asks[0][0]
        assert books[0]["data"] != books[1]["data"] != books[2]["data"], "only what changed is sent"
        await socket._send({"action": "unsubscribe", "subscription_id": book_id})
        await until(socket, "unsubscribed")
        trades_id = await socket.subscribe_trades(connector, PAIR, update_interval=0.5)
        assert trades_id == f"trades_{connector}_{PAIR}"
        trades = await socket.receive()
        check(trades, {**FRAME, "data": [{"timestamp": number, "price": number, "amount": number, "side": str}]})
        assert {trade["side"] for trade in trades["data"]} <= {"buy", "sell"}
        await socket.close()
        assert socket.closed


async def test_what_cannot_be_followed_says_so(target: Target) -> None:
    async with opened(target) as socket:
        id_ = await socket.subscribe_order_book("binance", "NO-PAIR")
        frame = await socket.receive()
        assert (frame["type"], frame["subscription_id"]) == ("error", id_)
        assert "does not list" in frame["message"]
        with pytest.raises(RuntimeError, match="BASE-QUOTE"):
            await socket.subscribe_trades("binance", "BTCUSDT")
        with pytest.raises(RuntimeError, match="Subscription not found: x"):
            await socket.unsubscribe("x")
        await socket.unsubscribe(id_)
        check(await socket.ping(), {"type": str, "timestamp": number})


async def test_who_is_not_known_is_closed_with_4001(target: Target) -> None:
    address = f"{target.url.replace('http', 'ws', 1)}/ws/market-data"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket, asyncio.timeout(DEADLINE):
        assert await socket.receive_json() == {"type": "error", "message": "Authentication failed"}
        await socket.receive()
        assert socket.close_code == 4001


async def test_a_broken_frame_is_answered_and_the_connection_stays(target: Target) -> None:
    async with opened(target) as socket:
        for broken in ("{", "[]", '"ping"', '{"action": "subscribe", "update_interval": NaN}'):
            await socket._ws.send_str(broken)
            assert (await socket.receive())["type"] == "error"
        check(await socket.ping(), {"type": str, "timestamp": number})
