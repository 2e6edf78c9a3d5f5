"""/ws/market-data: contract 9.1 and 9.2, in front of a market-data service on a real NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from contracts.market_data import MarketNotFound
from contracts.message import Metadata
from contracts.rejections import Unavailable
from gateway_api.domain.feed import Feed
from gateway_api.handlers.live_feeds import LiveFeeds
from gateway_api.handlers.requests import Requests
from gateway_api.handlers.turns import Turns
from gateway_api.rest.market_socket import MarketStream
from service_kit.bus import Bus
from socket_server import Client, Served, connected, served
from telling import BOOK, MarketData, until

PATH = "/ws/market-data"
MARKET = {"connector": "binance", "trading_pair": "BTC-USDT"}
ROWS = [(60, '{"t":60}'), (120, '{"t":120}')]


@pytest.fixture
async def owner(nats_url: str) -> AsyncIterator[MarketData]:
    owner = MarketData(nats_url)
    owner.states["candles"] = {"rows": 100, "whole": True, "candles": ROWS}
    owner.states["trades"] = {"total": 0}
    await owner.start()
    yield owner
    await owner.stop()


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[tuple[Served, LiveFeeds]]:
    """The server with the address of market data."""
    bus = Bus("gateway-api", url)
    await bus.start()
    asked = Requests(bus)
    feeds = LiveFeeds(bus, lambda query, timeout: asked.query(query, Metadata(), timeout=timeout), Turns())
    try:
        async with served(streams=(MarketStream(feeds),)) as server:
            yield server, feeds
    finally:
        await feeds.stop()
        await bus.stop()


@pytest.fixture
async def client(nats_url: str, owner: MarketData) -> AsyncIterator[Client]:
    async with serving(nats_url) as (server, _), connected(server.url + PATH) as client:
        yield client


async def subscribed(client: Client, kind: str, **frame: Any) -> str:
    """The id of a new subscription."""
    ack = await client.ask(action="subscribe", type=kind, **{**MARKET, **frame})
    assert ack.keys() == {"type", "subscription_id"}, ack
    assert ack["type"] == "subscribed"
    id_: str = ack["subscription_id"]
    return id_


async def test_order_books_when_they_changed(client: Client, owner: MarketData) -> None:
    owner.beat()
    id_ = await subscribed(client, "order_book", depth=1, update_interval=0.25)
    assert id_ == "order_book_binance_BTC-USDT"
    frame = await client.receive()
    assert isinstance(frame.pop("timestamp"), float)
    assert frame == {"type": "order_book", "subscription_id": id_, "data": {"bids": [[100.1, 1]], "asks": [[101, 3]]}}
    owner.states["book"] = {**BOOK, "asks": [["102", "1"]]}
    assert (await client.receive())["data"]["asks"] == [[102, 1]]


async def test_the_window_of_candles_first_then_the_newest_and_all_with_a_new_one(client: Client, owner: MarketData) -> None:
    id_ = await subscribed(client, "candles", interval="5m", max_records=2, update_interval=0.25)
    assert id_ == "candles_binance_BTC-USDT_5m"
    frame = await client.receive()
    assert (frame["type"], frame["subscription_id"], frame["data"]) == ("candles", id_, [{"t": 60}, {"t": 120}])
    wanted = owner.wanted[-1]
    assert (wanted.interval, wanted.rows) == ("5m", 2)
    await owner.tell(wanted, rows=2, candles=[(120, '{"t":121}')])
    frame = await client.receive()
    assert (frame["type"], frame["data"]) == ("candle_update", {"t": 121})
    await owner.tell(wanted, rows=2)
    frame = await client.receive()
    assert (frame["type"], frame["data"]) == ("candle_update", {"t": 121}), "each interval, also when nothing changed"
    await owner.tell(wanted, rows=2, candles=[(180, '{"t":180}')])
    frame = await client.receive()
    assert (frame["type"], frame["data"]) == ("candles", [{"t": 121}, {"t": 180}])


async def test_trades_from_now_on_each_once(nats_url: str, owner: MarketData) -> None:
    owner.states["trades"] = {"total": 40}
    async with serving(nats_url) as (server, feeds), connected(server.url + PATH) as client:
        assert await subscribed(client, "trades", update_interval=0.25) == "trades_binance_BTC-USDT"
        feed = Feed("trades", "binance", "BTC-USDT")
        await until(lambda: feed in feeds._lives and feeds._lives[feed].value)
        trade = '{"timestamp":1.5,"price":100,"amount":2,"side":"buy"}'
        await owner.tell(owner.wanted[-1], total=42, trades=[trade, trade])
        frame = await client.receive()
        assert frame["data"] == [{"timestamp": 1.5, "price": 100, "amount": 2, "side": "buy"}] * 2
        assert "dropped" not in frame
        await owner.tell(owner.wanted[-1], total=45, trades=[trade])
        frame = await client.receive()
        assert (len(frame["data"]), frame["dropped"]) == (1, 2)


async def test_a_feed_that_fails_says_so_and_goes_on_when_it_can(client: Client, owner: MarketData) -> None:
    owner.trouble = MarketNotFound("'binance' does not list the trading pair BTC-USDT")
    id_ = await subscribed(client, "order_book")
    frame = await client.receive()
    assert (frame["type"], frame["subscription_id"]) == ("error", id_)
    assert frame["message"] == "Failed to start feed: 'binance' does not list the trading pair BTC-USDT"
    assert (await client.ask(action="ping"))["type"] == "pong"
    owner.trouble = None
    owner.beat()
    assert (await client.receive())["type"] == "order_book"
    owner.quiet()
    owner.trouble = Unavailable("the exchange is away")
    await owner.tell(owner.wanted[-1], trouble="the exchange is away")
    assert (await client.until("error"))["message"] == "the exchange is away"


async def test_without_market_data_a_subscription_says_so(nats_url: str) -> None:
    async with serving(nats_url) as (server, _), connected(server.url + PATH) as client:
        await subscribed(client, "candles")
        assert (await client.receive())["message"] == "Failed to start feed: The market-data service is not running"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"type": "prices"}, "Invalid subscription type: prices. Valid types: candles, order_book, trades"),
        ({"type": ["trades"]}, "Invalid subscription type: ['trades']. Valid types: candles, order_book, trades"),
        ({"type": "trades", "connector": ""}, "connector and trading_pair are required"),
        ({"type": "trades", "trading_pair": None}, "connector and trading_pair are required"),
        ({"type": "trades", "connector": 5}, "connector: text of at most 255 characters"),
        (
            {"type": "trades", "trading_pair": "BTCUSDT"},
            "Trading pair 'BTCUSDT' is not written as BASE-QUOTE, for example BTC-USDT",
        ),
        ({"type": "order_book", "depth": 0}, "depth: a whole number from 1 to 1000"),
        ({"type": "order_book", "depth": "9"}, "depth: a whole number from 1 to 1000"),
        ({"type": "candles", "max_records": 10001}, "max_records: a whole number from 1 to 10000"),
        ({"type": "trades", "update_interval": "fast"}, "update_interval: a number of seconds"),
    ],
)
async def test_refusals(client: Client, owner: MarketData, frame: dict[str, Any], message: str) -> None:
    assert await client.ask(action="subscribe", **{**MARKET, **frame}) == {"type": "error", "message": message}
    gone = await client.ask(action="unsubscribe", subscription_id="trades_x")
    assert gone == {"type": "error", "message": "Subscription not found: trades_x"}
    await client.socket.send_str("{")
    assert (await client.receive())["type"] == "error"
    assert owner.wanted == []


async def test_an_unknown_interval_lists_those_there_are(client: Client) -> None:
    answer = await client.ask(action="subscribe", type="candles", interval="7m", **MARKET)
    assert answer["message"].startswith("interval: one of 1s, 1m, 3m")


async def test_the_same_subscription_again_replaces_it_and_unsubscribing_ends_it(client: Client, owner: MarketData) -> None:
    owner.beat()
    id_ = await subscribed(client, "order_book", depth=1)
    assert len((await client.receive())["data"]["bids"]) == 1
    assert await subscribed(client, "order_book", depth=2) == id_
    assert len((await client.until("order_book"))["data"]["bids"]) == 2
    await client.send(action="unsubscribe", subscription_id=id_)
    assert (await client.until("unsubscribed"))["subscription_id"] == id_
    assert (await client.ask(action="ping"))["type"] == "pong"


async def test_a_frame_is_made_once_for_all_who_subscribed_to_the_same(nats_url: str, owner: MarketData) -> None:
    owner.beat()
    async with (
        serving(nats_url) as (server, feeds),
        connected(server.url + PATH) as one,
        connected(server.url + PATH) as two,
    ):
        for client in (one, two):
            await subscribed(client, "order_book", depth=1)
            assert (await client.receive())["type"] == "order_book"
        assert feeds.count() == 1
        assert len(owner.wanted) < 4, "both share one feed"
