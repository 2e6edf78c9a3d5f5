"""The live market: it continues history, closes bars exactly, and serves resting orders."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.market.prices import DAY, RandomProcess
from sandbox_exchange.domain.spot.commands import OpenAccount, PlaceOrder, SetPrice
from sandbox_exchange.domain.spot.exchange import Exchange
from sandbox_exchange.domain.spot.orders import OrderType, Side, Status
from sandbox_exchange.domain.wire import markets
from sandbox_exchange.handlers.market_maker import MarketMaker
from sandbox_exchange.handlers.streams import Hub
from sandbox_exchange.handlers.venue import Venue

SYMBOL, SEED = "BTCUSDT", 7
MIDNIGHT = 20_781 * DAY


class Now:
    """A clock that stands where it is put, and a journal that keeps nothing."""

    def __init__(self) -> None:
        self.second = MIDNIGHT

    def now(self) -> int:
        return self.second * 1000

    def append(self, record: Mapping[str, object]) -> int:
        return 1

    async def durable(self) -> None: ...


class Listener(Hub):
    """Collects what is published on the channels it wants."""

    def __init__(self, *channels: str) -> None:
        super().__init__()
        self.heard: list[dict[str, Any]] = []
        self._wanted = channels

    def wants(self, channel: str) -> bool:
        return channel in self._wanted

    def channels(self) -> list[str]:
        return list(self._wanted)

    def publish(self, channel: str, payload: Mapping[str, object]) -> None:
        if channel in self._wanted:
            self.heard.append(dict(payload))


def market(*channels: str) -> tuple[Venue, MarketMaker, Listener, Now]:
    now, hub = Now(), Listener(*channels)
    processes = {pair.symbol: RandomProcess(pair, SEED) for pair in LISTED}
    venue = Venue(Exchange(LISTED), now, now, hub, processes)
    return venue, MarketMaker(venue, Faults(), SEED), hub, now


def test_a_bar_closes_as_history_has_it_even_over_midnight() -> None:
    venue, maker, hub, now = market("btcusdt@kline_1m", "btcusdt@trade")
    for second in range(MIDNIGHT - 3, MIDNIGHT + 1):
        now.second = second
        maker.advance(venue.exchange.state.markets[SYMBOL], second)
    bars = [frame for frame in hub.heard if frame["e"] == "kline"]
    assert [bar["k"]["x"] for bar in bars] == [False, False, False, True, False]
    (ended,) = venue.histories[SYMBOL].bars("1m", MIDNIGHT - 60, MIDNIGHT, MIDNIGHT)
    assert bars[3]["k"] == markets.kline_event(SYMBOL, "1m", ended, 0, closed=True)["k"]
    trades = [frame for frame in hub.heard if frame["e"] == "trade"]
    assert [trade["T"] for trade in trades] == [second * 1000 for second in range(MIDNIGHT - 3, MIDNIGHT + 1)]
    assert bars[2]["k"]["c"] == trades[2]["p"]
    assert len({trade["t"] for trade in trades}) == 4


def test_the_crowd_fills_an_order_inside_the_spread() -> None:
    venue, maker, _, now = market()
    venue.tell(OpenAccount("key", "secret", (("USDT", Decimal(10**6)),)))
    book = venue.exchange.state.markets[SYMBOL]
    maker.advance(book, now.second)
    best = book.book.best(Side.BUY)
    assert best is not None
    size = Decimal("0.0005")
    venue.tell(PlaceOrder("000001", SYMBOL, Side.BUY, OrderType.LIMIT_MAKER, size, best + Decimal("0.01")))
    (order,) = venue.exchange.state.orders.values()
    for second in range(now.second + 1, now.second + 60):
        maker.advance(book, second)
    assert order.status is Status.FILLED
    assert order.quote_executed == (best + Decimal("0.01")) * size


@pytest.mark.parametrize("price", ["0.01", "9500000"])
def test_the_market_lives_at_any_price_that_can_be_set(price: str) -> None:
    venue, maker, _, now = market()
    book = venue.exchange.state.markets[SYMBOL]
    raw = book.pair.price(venue.histories[SYMBOL].raw_ticks(now.second))
    venue.tell(SetPrice(SYMBOL, Decimal(price), raw))
    maker.reprice(SYMBOL)
    assert book.last_price == Decimal(price)
    for second in range(now.second, now.second + 5):
        maker.advance(book, second)
    month = venue.histories[SYMBOL].totals(now.second, now.second + 30 * DAY)
    assert month.quote_volume > 0
    assert month.low > 0
