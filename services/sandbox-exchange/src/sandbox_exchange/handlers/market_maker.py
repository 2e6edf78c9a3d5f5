"""The simulated market, live: quotes, the crowd's trades, bars and book changes, each second per pair and never all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.market.ladder import ladder
from sandbox_exchange.domain.spot.commands import Quote, Sweep
from sandbox_exchange.domain.spot.events import Traded
from sandbox_exchange.domain.spot.orders import HOUSE, ZERO, Side
from sandbox_exchange.domain.spot.state import Market
from sandbox_exchange.domain.spot.trading import TRADE_EPOCH
from sandbox_exchange.domain.wire import markets
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.venue import Venue

SLOT_SECONDS = 0.1


class MarketMaker:
    """Quotes every pair from the price process. Each pair has its tenth of the second, so the load is even."""

    prefix = ""
    """Of the names of this market's channels."""
    slow_depth = ("depth", "depth@1000ms")
    slow_depth_slots = 10

    def __init__(self, venue: Venue | FuturesVenue, faults: Faults, seed: int) -> None:
        self._venue = venue
        self._faults = faults
        self._seed = seed
        self._markets: list[Market] = list(venue.markets.values())
        self._done: dict[str, int] = {}
        self._open_bars: dict[str, int] = {}
        self._fast = {market.pair.symbol: market.book.version for market in self._markets}
        self._slow: dict[str, tuple[int, set[tuple[Side, Decimal]]]] = {}

    async def run(self) -> None:
        """Keep the market going until cancelled."""
        slot = 0
        while True:
            now = self._venue.now()
            for index, market in enumerate(self._markets):
                second = (now - index * int(SLOT_SECONDS * 1000)) // 1000
                if self._done.get(market.pair.symbol, 0) < second:
                    self.advance(market, second)
            slot += 1
            for market in self._markets:
                self._publish_depth(market, now, slow=slot % self.slow_depth_slots == 0)
            await asyncio.sleep(SLOT_SECONDS - (self._venue.now() / 1000) % SLOT_SECONDS)

    def quote_all(self) -> None:
        """Put every pair's quotes on its book, so that the first request finds a market."""
        for market in self._markets:
            self.advance(market, self._venue.now() // 1000)

    def advance(self, market: Market, second: int) -> None:
        """Bring a pair's market to a second: new quotes, then the crowd's trade, then its bars. A halt skips it all."""
        self._done[market.pair.symbol] = second
        if not self._faults.is_halted(market.pair.symbol, self._venue.now()):
            self._move(market, second)

    def _move(self, market: Market, second: int) -> None:
        ticks, lots, taker_buys = self._venue.histories[market.pair.symbol].second(second)
        quotes = self._quote(market, ticks)
        crossed = quotes.asks if taker_buys else quotes.bids
        if lots and crossed:
            side = Side.BUY if taker_buys else Side.SELL
            quantity = market.pair.quantity(lots)
            self._venue.tell(Sweep(market.pair.symbol, side, crossed[0][0], quantity))
            self._print(market, second, market.pair.price(ticks), quantity, side)
        self._publish_bars(market, second)

    def reprice(self, symbol: str) -> None:
        """Requote a pair now, after its price was set. A symbol that is not traded here is left alone."""
        market = self._venue.markets.get(symbol)
        if market is None:
            return
        self._quote(market, self._venue.histories[symbol].second(self._venue.now() // 1000)[0])

    def _quote(self, market: Market, ticks: int) -> Quote:
        quotes = ladder(market.pair, ticks, self._seed)
        self._venue.tell(quotes)
        market.last_price = market.pair.price(ticks)
        return quotes

    def _print(self, market: Market, second: int, price: Decimal, quantity: Decimal, side: Side) -> None:
        at = second * 1000
        # Even numbers; trades of accounts have odd ones, so the two never meet.
        number = 2 * (at - TRADE_EPOCH)
        trade = Traded(number, market.pair.symbol, price, quantity, side, HOUSE, HOUSE, ZERO, ZERO, at)
        market.recent.append(trade)
        for name, payload in self._trade_events(trade).items():
            self._venue.hub.publish(self._channel(market, name), payload)

    def _channel(self, market: Market, name: str) -> str:
        return f"{self.prefix}{market.pair.symbol.lower()}@{name}"

    def _trade_events(self, trade: Traded) -> dict[str, Mapping[str, object]]:
        """What is told of a trade, by stream."""
        return {"trade": markets.trade_event(trade)}

    def _depth_event(self, market: Market, changed: set[tuple[Side, Decimal]], first: int, now: int) -> Mapping[str, object]:
        return markets.depth_update(market, changed, first, now)

    def _touch_event(self, market: Market, now: int) -> Mapping[str, object]:
        return markets.book_ticker_event(market)

    def _publish_bars(self, market: Market, second: int) -> None:
        symbol = market.pair.symbol
        prefix = self._channel(market, "kline_")
        wanted = [channel for channel in self._venue.hub.channels() if channel.startswith(prefix)]
        history = self._venue.histories[symbol]
        for channel in wanted:
            interval = channel.removeprefix(prefix)
            bar = history.current(interval, second)
            before = self._open_bars.get(channel)
            if before is not None and before < bar.open_time:
                (ended,) = history.bars(interval, before // 1000, before // 1000 + 1, second)
                self._venue.hub.publish(channel, markets.kline_event(symbol, interval, ended, self._venue.now(), closed=True))
            self._open_bars[channel] = bar.open_time
            self._venue.hub.publish(channel, markets.kline_event(symbol, interval, bar, self._venue.now(), closed=False))
        for channel in self._open_bars.keys() - set(wanted):
            if channel.startswith(prefix):
                del self._open_bars[channel]

    def _publish_depth(self, market: Market, now: int, *, slow: bool) -> None:
        """Book changes since the last time: each tenth of a second, and collected, each second."""
        symbol, book, hub = market.pair.symbol, market.book, self._venue.hub
        first, self._fast[symbol] = self._fast[symbol] + 1, book.version
        changed, book.changed = book.changed, set()
        fast, touch = self._channel(market, "depth@100ms"), self._channel(market, "bookTicker")
        if changed and hub.wants(fast):
            hub.publish(fast, self._depth_event(market, changed, first, now))
        if changed and hub.wants(touch):
            hub.publish(touch, self._touch_event(market, now))
        slow_channels = [c for c in (self._channel(market, name) for name in self.slow_depth) if hub.wants(c)]
        if not slow_channels:
            self._slow.pop(symbol, None)
            return
        since, collected = self._slow.get(symbol, (first, set()))
        self._slow[symbol] = (since, collected | changed)
        if slow and (collected or changed):
            del self._slow[symbol]
            for channel in slow_channels:
                hub.publish(channel, self._depth_event(market, collected | changed, since, now))
