"""Answers to queries of market data from copies of live feeds: the same JSON that market-data would give."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Protocol

from contracts.market_data import GetCandles, GetOrderBook, GetPrices
from contracts.market_feeds import Level
from contracts.message import Query, plain_decimal
from service_kit.bus import Response

from gateway_api.domain.feed import Feed
from gateway_api.domain.live import Book, Candles, Price, State


class Copies(Protocol):
    """Copies of live feeds."""

    def copy(self, feed: Feed, rows: int = 1) -> State | None:
        """The state of a feed that is known to be current, with so many rows; None when its owner has to be asked."""
        ...


class LiveAnswers:
    """Answers what the copies hold."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def answer(self, query: Query) -> Response | None:
        """The answer; None when market-data has to be asked."""
        match query:
            case GetOrderBook():
                return self._book(query)
            case GetCandles():
                return self._candles(query)
            case GetPrices():
                return self._prices(query)
        return None

    def _book(self, query: GetOrderBook) -> Response | None:
        state = self._copies.copy(Feed("book", query.connector, query.trading_pair), query.depth)
        if not isinstance(state, Book):
            return None

        def text() -> bytes:
            bids, asks = _levels(state.bids[: query.depth]), _levels(state.asks[: query.depth])
            pair = json.dumps(query.trading_pair)
            return f'{{"trading_pair":{pair},"bids":[{bids}],"asks":[{asks}],"timestamp":{state.at}}}'.encode()

        return Response(200, state.once(("answer", query.depth), text))

    def _candles(self, query: GetCandles) -> Response | None:
        feed = Feed("candles", query.connector, query.trading_pair, query.interval)
        state = self._copies.copy(feed, query.max_records)
        if not isinstance(state, Candles):
            return None

        def text() -> bytes:
            return f"[{','.join(state.newest(query.max_records))}]".encode()

        return Response(200, state.once(("answer", query.max_records), text))

    def _prices(self, query: GetPrices) -> Response | None:
        pairs = list(dict.fromkeys(query.trading_pairs))
        # All of them are asked for, also when one is missing, so that all are followed.
        states = [self._copies.copy(Feed("price", query.connector, pair)) for pair in pairs]
        found = [state for state in states if isinstance(state, Price)]
        if len(found) < len(pairs):
            return None
        prices = ",".join(f"{json.dumps(pair)}:{plain_decimal(state.price)}" for pair, state in zip(pairs, found, strict=True))
        at = min((state.at for state in found), default=Decimal(0))
        connector = json.dumps(query.connector)
        return Response(200, f'{{"connector":{connector},"prices":{{{prices}}},"timestamp":{at}}}'.encode())


def _levels(levels: tuple[Level, ...]) -> str:
    return ",".join(f'{{"price":{price},"amount":{amount}}}' for price, amount in levels)
