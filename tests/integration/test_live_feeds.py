"""Live feeds on a whole stack: market-data is killed under a subscriber and under a reader of copies, and both go on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
from hummingbot_api_client import HummingbotAPIClient
from hummingbot_api_client.ws import MarketDataWebSocket

from tests.stack import PASSWORD, USERNAME, Stack, running

PAIR, DEADLINE = "BTC-USDT", 120
OLDEST = 10.0
"""Seconds: more than a copy may be old, however busy the machine is."""


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    with running() as stack:
        yield stack


async def books(socket: MarketDataWebSocket, count: int, since: float = 0.0) -> None:
    """Returns after so many books of after a time. That a feed is away is told, unless it is back before anybody noticed."""
    while count:
        frame = await socket.receive()
        count -= frame["type"] == "order_book" and frame["timestamp"] > since
        assert "Failed to start" not in frame.get("message", "")


async def read(client: HummingbotAPIClient, until: float) -> list[float]:
    """Reads the book all the time until a time; how old each was."""
    ages = []
    while time.time() < until:
        book = await client.market_data.get_order_book("binance", PAIR, depth=5)
        ages.append(time.time() - book["timestamp"])
        assert book["bids"][0]["price"] < book["asks"][0]["price"]
        await asyncio.sleep(0.02)
    return ages


async def test_a_subscriber_and_a_reader_go_on_when_market_data_was_killed(stack: Stack) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        HummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client,
        client.ws.market_data() as socket,
    ):
        await socket.subscribe_order_book("binance", PAIR, update_interval=0.25)
        await books(socket, 3)
        await read(client, time.time() + 1)
        pid = int(stack.processes()["market-data"]["pid"])
        os.kill(pid, signal.SIGKILL)
        await books(socket, 3, time.time())
        assert int(stack.processes()["market-data"]["pid"]) != pid
        assert max(await read(client, time.time() + 1)) < OLDEST
