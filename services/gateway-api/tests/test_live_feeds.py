"""Copies of live feeds: served only while they are known to be current. On a real NATS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from contracts.market_data import GetCandles, GetOrderBook, GetPrices, MarketNotFound
from contracts.market_feeds import WatchFeed
from contracts.message import Metadata, Query
from contracts.rejections import Unavailable
from gateway_api.domain.feed import Feed
from gateway_api.domain.live import Candles, Trades
from gateway_api.domain.watched import Trouble
from gateway_api.handlers import live_feeds
from gateway_api.handlers.live_answers import LiveAnswers
from gateway_api.handlers.live_feeds import LiveFeeds
from gateway_api.handlers.requests import Requests
from gateway_api.handlers.turns import Turns
from service_kit.bus import Bus, Response
from telling import ASKED, BOOK, DEADLINE, MarketData, until

QUERY = GetOrderBook(connector="binance", trading_pair="BTC-USDT", depth=2)
FEED = Feed("book", "binance", "BTC-USDT")


@dataclass
class Gateway:
    """What answers queries; `ahead` moves its clock."""

    bus: Bus
    feeds: LiveFeeds = field(init=False)
    requests: Requests = field(init=False)
    ahead: float = 0.0

    def __post_init__(self) -> None:
        asked = Requests(self.bus)

        async def ask(query: WatchFeed, timeout: float) -> Response:
            return await asked.query(query, Metadata(), timeout=timeout)

        self.feeds = LiveFeeds(self.bus, ask, Turns(), lambda: asyncio.get_running_loop().time() + self.ahead)
        self.requests = Requests(self.bus, live=LiveAnswers(self.feeds))

    async def ask(self, query: Query = QUERY) -> bytes:
        return (await self.requests.query(query, Metadata(), timeout=30)).body

    async def warm(self, query: Query = QUERY) -> bytes:
        """The first answer of a copy."""
        return await self.until(lambda answer: answer != ASKED, query)

    async def until(self, check: Callable[[bytes], bool], query: Query = QUERY) -> bytes:
        """Asks until the answer is so."""
        async with asyncio.timeout(DEADLINE):
            while True:
                answer = await self.ask(query)
                if check(answer):
                    return answer
                await asyncio.sleep(0.02)


@pytest.fixture
async def owner(nats_url: str) -> AsyncIterator[MarketData]:
    owner = MarketData(nats_url)
    await owner.start()
    yield owner
    await owner.stop()


@pytest.fixture
async def gateway(nats_url: str, owner: MarketData) -> AsyncIterator[Gateway]:
    gateway = Gateway(Bus("gateway-api", nats_url))
    await gateway.bus.start()
    yield gateway
    await gateway.feeds.stop()
    await gateway.bus.stop()


async def test_a_feed_that_is_asked_for_often_is_followed_and_answers(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    assert [await gateway.ask() for _ in range(3)] == [ASKED] * 3
    book = json.loads(await gateway.warm(), parse_float=str)
    assert isinstance(book.pop("timestamp"), str)
    assert book == {
        "trading_pair": "BTC-USDT",
        "bids": [{"price": "100.10", "amount": 1}, {"price": 100, "amount": "2.5"}],
        "asks": [{"price": 101, "amount": 3}],
    }
    asked = len(owner.asked)
    owner.states["book"] = {**BOOK, "asks": [["102", "1"]]}
    await gateway.until(lambda answer: json.loads(answer)["asks"][0]["price"] == 102)
    assert len(owner.asked) == asked


async def test_who_asks_seldom_is_answered_by_the_owner(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    for _ in range(5):
        assert await gateway.ask() == ASKED
        gateway.ahead += live_feeds.WITHIN / 2 + 0.5
    assert owner.wanted == []
    assert gateway.feeds.count() == 0


async def test_a_deeper_book_than_the_copy_has_is_asked_for_and_followed(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    await gateway.warm()
    deep = QUERY.model_copy(update={"depth": 50})
    assert await gateway.ask(deep) == ASKED
    await until(lambda: owner.wanted[-1].rows == 50)
    owner.states["book"] = {**BOOK, "rows": 50}
    assert json.loads(await gateway.warm(deep))["asks"]


async def test_a_silent_owner_is_asked(gateway: Gateway, owner: MarketData) -> None:
    """As when it was killed: what it told last may be wrong by now."""
    owner.beat()
    await gateway.warm()
    owner.quiet()
    gateway.ahead += live_feeds.SILENCE + 0.1
    assert await gateway.ask() == ASKED


async def test_trouble_is_never_served_as_a_book(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    await gateway.warm()
    owner.quiet()
    owner.trouble = Unavailable("crossed")
    await owner.tell(FEED.wanted(2), trouble="crossed")
    await gateway.until(lambda answer: answer == ASKED)
    owner.trouble = None
    owner.beat()
    await gateway.warm()


async def test_a_lost_connection_empties_the_copies(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    await gateway.warm()
    owner.quiet()
    owner.trouble = Unavailable("away")
    gateway.feeds._reconnected()
    assert await gateway.ask() == ASKED
    await until(lambda: gateway.feeds._lives[FEED].value == Trouble("away"))
    owner.trouble = None
    gateway.feeds._reconnected()
    owner.beat()
    await gateway.warm()


async def test_a_copy_answers_nobody_while_the_server_is_away(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    await gateway.warm()
    await gateway.bus.stop()
    with pytest.raises(Unavailable):
        await gateway.ask()


async def test_only_the_owner_that_answered_last_is_followed(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    await gateway.warm()
    owner.quiet()
    owner.number += 1000
    await owner.tell(FEED.wanted(2), owner="another", rows=10, bids=[["1", "1"]])
    owner.beat()
    version = gateway.feeds._lives[FEED]._number
    await until(lambda: gateway.feeds._lives[FEED]._number > version)
    assert json.loads(await gateway.ask())["bids"][0]["price"] == 100.1


async def test_another_replica_takes_over(gateway: Gateway, owner: MarketData, nats_url: str) -> None:
    owner.beat()
    await gateway.warm()
    await owner.stop()
    other = MarketData(nats_url, owner="two", replica="r2")
    other.states["book"] = {**BOOK, "bids": [["99", "1"]]}
    await other.start()
    other.beat()
    try:
        # Through the copy or by asking: never a refusal.
        await gateway.until(lambda answer: answer != ASKED and json.loads(answer)["bids"][0]["price"] == 99)
        assert other.wanted
    finally:
        await other.stop()


async def test_a_feed_nobody_asks_for_is_not_wanted_any_more(
    gateway: Gateway, owner: MarketData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feeds, "RENEW", 0.05)
    owner.beat()
    await gateway.warm()
    gateway.ahead += live_feeds.IDLE + 1
    await until(lambda: gateway.feeds.count() == 0)


async def test_a_market_that_does_not_exist_is_refused_by_the_owner(gateway: Gateway, owner: MarketData) -> None:
    owner.trouble = MarketNotFound("no such pair")
    for _ in range(4):
        assert await gateway.ask() == ASKED
    await until(lambda: gateway.feeds._lives[FEED].value == Trouble("no such pair"))
    assert await gateway.ask() == ASKED


async def test_prices_need_a_copy_of_each_pair(gateway: Gateway, owner: MarketData) -> None:
    owner.beat()
    query = GetPrices(connector="binance", trading_pairs=("A-B", "C.D-E", "A-B"))
    answer = json.loads(await gateway.warm(query), parse_float=str)
    assert answer["prices"] == {"A-B": "100.5", "C.D-E": "100.5"}
    assert {each.trading_pair for each in owner.wanted} == {"A-B", "C.D-E"}


async def test_candles_are_put_together_and_a_missed_update_is_noticed(gateway: Gateway, owner: MarketData) -> None:
    query = GetCandles(connector="binance", trading_pair="BTC-USDT", max_records=3)
    rows = {60: '{"t":60}', 120: '{"t":120}', 180: '{"t":180}'}
    owner.states["candles"] = {"rows": 3, "whole": True, "candles": list(rows.items())}
    owner.beat()
    assert json.loads(await gateway.warm(query)) == [{"t": 60}, {"t": 120}, {"t": 180}]
    owner.quiet()
    wanted = owner.wanted[-1]
    await owner.tell(wanted, rows=3, candles=[(180, '{"t":181}'), (240, '{"t":240}')])
    live = gateway.feeds._lives[Feed("candles", "binance", "BTC-USDT", "1m")]
    await until(lambda: live._number >= owner.number)
    assert json.loads(await gateway.warm(query)) == [{"t": 120}, {"t": 181}, {"t": 240}]
    asked = len(owner.wanted)
    owner.number += 1
    owner.states["candles"] = {"rows": 3, "whole": True, "candles": [(300, '{"t":300}')]}
    await owner.tell(wanted, rows=3, candles=[(240, '{"t":241}')])
    await until(lambda: len(owner.wanted) > asked)
    await until(lambda: isinstance(live.value, Candles) and list(live.value.candles) == [300])


async def test_trades_that_were_lost_are_counted(gateway: Gateway, owner: MarketData) -> None:
    owner.states["trades"] = {"total": 40}
    feed = Feed("trades", "binance", "BTC-USDT")
    watch = gateway.feeds.watch(feed, 1, 0, lambda: None)
    live = gateway.feeds._lives[feed]
    await until(lambda: isinstance(live.value, Trades))
    await owner.tell(feed.wanted(1), total=41, trades=["1"])
    await owner.tell(feed.wanted(1), total=45, trades=["5"])
    await until(lambda: isinstance(live.value, Trades) and live.value.total == 45)
    assert isinstance(live.value, Trades)
    assert live.value.tail.since(1) == (("5",), 3), "none is given twice"
    assert live.value.tail.since(0) == (("5",), 4)
    watch.close()
