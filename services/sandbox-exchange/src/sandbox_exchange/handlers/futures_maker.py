"""The simulated futures market, live: as spot's, with index, mark price and funding rate each second."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.spot.events import Traded
from sandbox_exchange.domain.spot.orders import Side
from sandbox_exchange.domain.spot.state import Market
from sandbox_exchange.domain.wire import futures_markets
from sandbox_exchange.handlers.channels import FUTURES
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.market_maker import MarketMaker

MARK_SECONDS = 3
"""Between two messages of the stream `@markPrice`."""


class FuturesMaker(MarketMaker):
    """Quotes every contract around its mark price."""

    prefix = FUTURES
    slow_depth = ("depth", "depth@500ms")
    slow_depth_slots = 5

    def __init__(self, venue: FuturesVenue, faults: Faults, seed: int) -> None:
        super().__init__(venue, faults, seed)
        self._futures = venue

    def reprice(self, symbol: str) -> None:
        """Mark and requote a contract now, after its index was set."""
        if symbol in self._futures.markets:
            self._futures.mark(symbol, self._futures.now() // 1000)
        super().reprice(symbol)

    def _move(self, market: Market, second: int) -> None:
        self._futures.mark(market.pair.symbol, second)
        super()._move(market, second)
        payload = futures_markets.mark_price_event(_contract(market), self._futures.next_funding(), self._futures.now())
        self._futures.hub.publish(self._channel(market, "markPrice@1s"), payload)
        if second % MARK_SECONDS == 0:
            self._futures.hub.publish(self._channel(market, "markPrice"), payload)

    def _trade_events(self, trade: Traded) -> dict[str, Mapping[str, object]]:
        return {
            "trade": futures_markets.trade_event(trade),
            "aggTrade": futures_markets.aggregate_trade_event(trade),
        }

    def _depth_event(self, market: Market, changed: set[tuple[Side, Decimal]], first: int, now: int) -> Mapping[str, object]:
        return futures_markets.depth_update(_contract(market), changed, first, now)

    def _touch_event(self, market: Market, now: int) -> Mapping[str, object]:
        return futures_markets.book_ticker_event(_contract(market), now)


def _contract(market: Market) -> ContractMarket:
    assert isinstance(market, ContractMarket)  # noqa: S101 - a futures venue has no other markets
    return market
