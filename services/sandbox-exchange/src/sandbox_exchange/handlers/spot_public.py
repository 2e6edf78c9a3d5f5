"""Spot, public: `/api/v3` calls that need no key."""

from __future__ import annotations

import json

from aiohttp import web

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.market.history import INTERVALS, next_start
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.spot.state import Market
from sandbox_exchange.domain.wire import markets
from sandbox_exchange.domain.wire.amounts import amount
from sandbox_exchange.handlers.doors import answer, query_text
from sandbox_exchange.handlers.parameters import Parameters
from sandbox_exchange.handlers.request_faults import skew_of
from sandbox_exchange.handlers.venue import Venue

DAY_SECONDS = 86_400


class SpotPublic:
    """Market data over REST."""

    def __init__(self, venue: Venue, faults: Faults) -> None:
        self._venue = venue
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        calls = {
            "ping": self.ping,
            "time": self.time,
            "exchangeInfo": self.exchange_info,
            "depth": self.depth,
            "trades": self.trades,
            "klines": self.klines,
            "avgPrice": self.average_price,
            "ticker/24hr": self.day_ticker,
            "ticker/price": self.price_ticker,
            "ticker/bookTicker": self.book_ticker,
        }
        return [web.get(f"/api/v3/{name}", handler) for name, handler in calls.items()]

    async def ping(self, _: web.Request) -> web.Response:
        return answer({})

    async def time(self, request: web.Request) -> web.Response:
        return answer({"serverTime": self._venue.now() + skew_of(request)})

    async def exchange_info(self, request: web.Request) -> web.Response:
        chosen, _ = self._chosen(Parameters.parse(query_text(request)))
        now = self._venue.now()
        listed = [(market.pair, self._faults.is_halted(market.pair.symbol, now)) for market in chosen]
        return answer(markets.exchange_information(listed, now + skew_of(request)))

    async def depth(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        market = self._market(parameters)
        return answer(markets.depth(market.book, parameters.limit(100, 5000)))

    async def trades(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        market = self._market(parameters)
        recent = list(market.recent)[-parameters.limit(500, 1000) :]
        return answer([markets.public_trade(trade) for trade in recent])

    async def klines(self, request: web.Request) -> web.Response:
        parameters = Parameters.parse(query_text(request))
        symbol = self._market(parameters).pair.symbol
        interval = parameters.text("interval")
        if interval not in INTERVALS:
            raise Refused(-1120, "Invalid interval.")
        start, end = span(parameters, interval, self._venue.now())
        limit = parameters.limit(500, 1000)
        bars = await self._venue.bars(symbol, interval, *window(interval, start, end, limit))
        return answer([markets.kline(bar) for bar in (bars[:limit] if start is not None else bars[-limit:])])

    async def average_price(self, request: web.Request) -> web.Response:
        market = self._market(Parameters.parse(query_text(request)))
        return answer({"mins": 5, "price": amount(market.last_price), "closeTime": self._venue.now()})

    async def day_ticker(self, request: web.Request) -> web.Response:
        chosen, single = self._chosen(Parameters.parse(query_text(request)))
        end = self._venue.now() // 1000 + 1
        tickers = [
            markets.day_ticker(market, self._venue.histories[market.pair.symbol].totals(end - DAY_SECONDS, end))
            for market in chosen
        ]
        return answer(tickers[0] if single else tickers)

    async def price_ticker(self, request: web.Request) -> web.Response:
        chosen, single = self._chosen(Parameters.parse(query_text(request)))
        tickers = [{"symbol": market.pair.symbol, "price": amount(market.last_price)} for market in chosen]
        return answer(tickers[0] if single else tickers)

    async def book_ticker(self, request: web.Request) -> web.Response:
        chosen, single = self._chosen(Parameters.parse(query_text(request)))
        tickers = [markets.book_ticker(market) for market in chosen]
        return answer(tickers[0] if single else tickers)

    def _market(self, parameters: Parameters) -> Market:
        return self._venue.exchange.state.market(parameters.text("symbol"))

    def _chosen(self, parameters: Parameters) -> tuple[list[Market], bool]:
        """The markets of `symbol`, of `symbols` (a JSON list), or all; and whether one symbol was asked for."""
        state = self._venue.exchange.state
        symbol, symbols = parameters.get("symbol"), parameters.get("symbols")
        if symbol is not None:
            return [state.market(symbol)], True
        if symbols is None:
            return list(state.markets.values()), False
        try:
            names = json.loads(symbols)
        except ValueError:
            names = None
        if not isinstance(names, list):
            raise Refused(-1100, "Illegal characters found in parameter 'symbols'.")
        return [state.market(str(name)) for name in names], False


def span(parameters: Parameters, interval: str, now: int) -> tuple[int | None, int]:
    """The seconds `startTime` and the one after `endTime` (ms) stand for; bars open in between."""
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    last = (now if end is None else min(end, now)) // 1000 + 1
    return (None if start is None else -(-start // 1000)), last


def window(interval: str, start: int | None, end: int, limit: int) -> tuple[int, int]:
    """The part of the span that can hold `limit` bars: from its start when that is given, else up to its end."""
    reach = (limit + 1) * (31 * DAY_SECONDS if interval == "1M" else INTERVALS[interval])
    if start is None:
        return end - reach, end
    return start, min(end, next_start(interval, start) + reach)
