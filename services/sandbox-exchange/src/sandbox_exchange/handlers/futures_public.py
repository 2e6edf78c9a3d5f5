"""Futures, public: `/fapi/v1` calls that need no key."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.market.history import INTERVALS
from sandbox_exchange.domain.perpetual.state import ContractMarket
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.wire import futures_markets, markets
from sandbox_exchange.domain.wire.amounts import amount
from sandbox_exchange.handlers.doors import answer, query_text
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.parameters import Parameters
from sandbox_exchange.handlers.request_faults import skew_of
from sandbox_exchange.handlers.spot_public import DAY_SECONDS, span, window


class FuturesPublic:
    """Market data over REST."""

    def __init__(self, venue: FuturesVenue, faults: Faults) -> None:
        self._venue = venue
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        calls = {
            "v1/ping": self.ping,
            "v1/time": self.time,
            "v1/exchangeInfo": self.exchange_info,
            "v1/depth": self.depth,
            "v1/trades": self.trades,
            "v1/klines": self.klines,
            "v1/premiumIndex": self.premium_index,
            "v1/fundingRate": self.funding_rate,
            "v1/ticker/24hr": self.day_ticker,
            "v1/ticker/price": self.price_ticker,
            "v2/ticker/price": self.price_ticker,
            "v1/ticker/bookTicker": self.book_ticker,
        }
        return [web.get(f"/fapi/{name}", handler) for name, handler in calls.items()]

    async def ping(self, _: web.Request) -> web.Response:
        return answer({})

    async def time(self, request: web.Request) -> web.Response:
        return answer({"serverTime": self._venue.now() + skew_of(request)})

    async def exchange_info(self, request: web.Request) -> web.Response:
        now = self._venue.now()
        listed = [(market.pair, self._faults.is_halted(symbol, now)) for symbol, market in self._venue.markets.items()]
        return answer(futures_markets.exchange_information(listed, now + skew_of(request)))

    async def depth(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        book = self._market(parameters).book
        return answer(futures_markets.depth(book, parameters.limit(500, 1000), self._venue.now()))

    async def trades(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        recent = list(self._market(parameters).recent)[-parameters.limit(500, 1000) :]
        return answer([markets.public_trade(trade) for trade in recent])

    async def klines(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        symbol, interval = self._market(parameters).pair.symbol, parameters.text("interval")
        if interval not in INTERVALS:
            raise Refused(-1120, "Invalid interval.")
        start, end = span(parameters, interval, self._venue.now())
        limit = parameters.limit(500, 1500)
        bars = await self._venue.bars(symbol, interval, *window(interval, start, end, limit))
        return answer([markets.kline(bar) for bar in (bars[:limit] if start is not None else bars[-limit:])])

    async def premium_index(self, request: web.Request) -> web.Response:
        following, now = self._venue.next_funding(), self._venue.now()
        return self._tickers(request, lambda market: futures_markets.premium_index(market, following, now))

    async def funding_rate(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        since, until = parameters.integer("startTime"), parameters.integer("endTime")
        chosen = [self._market(parameters)] if parameters.get("symbol") else list(self._venue.markets.values())
        settled = sorted((each for market in chosen for each in market.fundings), key=lambda each: each.due)
        found = [
            each for each in settled if (since is None or each.due >= since) and (until is None or each.due <= until)
        ]  # fmt: skip
        limit = parameters.limit(100, 1000)
        rows = [futures_markets.funding(each) for each in (found[:limit] if since is not None else found[-limit:])]
        await self._venue.settled()
        return answer(rows)

    async def day_ticker(self, request: web.Request) -> web.Response:
        end = self._venue.now() // 1000 + 1

        def ticker(market: ContractMarket) -> dict[str, object]:
            bar = self._venue.histories[market.pair.symbol].totals(end - DAY_SECONDS, end)
            return markets.day_ticker(market, bar)

        return self._tickers(request, ticker)

    async def price_ticker(self, request: web.Request) -> web.Response:
        now = self._venue.now()
        return self._tickers(
            request, lambda market: {"symbol": market.pair.symbol, "price": amount(market.last_price), "time": now}
        )

    async def book_ticker(self, request: web.Request) -> web.Response:
        now = self._venue.now()
        return self._tickers(request, lambda market: futures_markets.book_ticker(market, now))

    def _market(self, parameters: Parameters) -> ContractMarket:
        return self._venue.exchange.state.market(parameters.text("symbol"))

    def _tickers(self, request: web.Request, row: Callable[[ContractMarket], dict[str, object]]) -> web.Response:
        """The row of `symbol`, or a list of all rows without it."""
        parameters = Parameters.parse(query_text(request))
        if parameters.get("symbol") is not None:
            return answer(row(self._market(parameters)))
        return answer([row(market) for market in self._venue.markets.values()])
