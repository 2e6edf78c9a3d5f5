"""Answers queries about order books, prices and funding."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Protocol

from contracts.market_data import GetFundingInfo, GetOrderBook, GetPrices, MarketNotPerpetual, MeasureOrderBook
from contracts.message import Metadata, plain_decimal

from market_data.domain.order_book import Level, Measure, Taken, taken_quote, taken_to, taken_volume
from market_data.handlers.feeds import Feeds


class Prints(Protocol):
    """The trades of a book, gathered; see `adapters.prints`."""

    def take(self) -> tuple[list[str], int]:
        """Those since the last time, and how many there were in all. Unavailable while the book is not to be served."""
        ...

    def close(self) -> None:
        """Gather no more."""
        ...


class Markets(Protocol):
    """The exchanges' books, prices and funding; see `adapters.order_books`."""

    async def check(self, connector: str, trading_pair: str) -> None:
        """Raise for what does not exist."""
        ...

    async def follow(self, connector: str, trading_pair: str) -> None:
        """Return when the book is live."""
        ...

    async def leave(self, connector: str, trading_pair: str) -> None:
        """The book is not needed any more."""
        ...

    def version(self, connector: str, trading_pair: str) -> tuple[int, int]:
        """Changes with the book."""
        ...

    def levels(self, connector: str, trading_pair: str, *, asks: bool) -> Iterator[Level]:
        """Best first."""
        ...

    def trouble(self, connector: str, trading_pair: str) -> str | None:
        """Why the book cannot be served now."""
        ...

    def trades(self, connector: str, trading_pair: str) -> Prints:
        """Gathers the trades of a followed book."""
        ...

    async def price(self, connector: str, trading_pair: str) -> Decimal:
        """The last traded price."""
        ...

    async def funding(self, connector: str, trading_pair: str) -> dict[str, Decimal]:
        """Rate, next time, mark and index price."""
        ...


class Market(Protocol):
    """What names a market."""

    @property
    def connector(self) -> str:
        """The connector's name."""
        ...

    @property
    def trading_pair(self) -> str:
        """As BASE-QUOTE."""
        ...


class BookFeed:
    """One live order book."""

    kind = "order_book"

    def __init__(self, connector: str, trading_pair: str, markets: Markets) -> None:
        """No I/O."""
        self.name = book_name(connector, trading_pair)
        self.config = f"{connector} {trading_pair}"
        self.connector = connector
        self.trading_pair = trading_pair
        self._market = connector, trading_pair
        self._markets = markets
        self._followed = False
        self._texts: dict[int, tuple[tuple[int, int], str]] = {}

    async def start(self) -> None:
        """Return when the book is live."""
        await self._markets.follow(*self._market)
        self._followed = True

    async def stop(self) -> None:
        """Leave the book."""
        if self._followed:
            self._followed = False
            await self._markets.leave(*self._market)

    def health(self) -> dict[str, Any]:
        """How it is."""
        trouble = self._markets.trouble(*self._market)
        return {"status": "live" if trouble is None else "waiting", "reason": trouble}

    def sides(self, depth: int) -> str:
        """The members `bids` and `asks`. Raises Unavailable when the book is not to be served."""
        version = self._markets.version(*self._market)
        kept = self._texts.get(depth)
        if kept is None or kept[0] != version:
            bids, asks = (self._side(depth, asks=asks) for asks in (False, True))
            kept = self._texts[depth] = version, f'"bids":[{bids}],"asks":[{asks}]'
        return kept[1]

    def taken(self, query: MeasureOrderBook) -> Taken:
        """What a taker would get. Raises Unavailable as `sides`."""
        levels = self._markets.levels(*self._market, asks=query.is_buy)
        match Measure(query.measure):
            case Measure.PRICE_FOR_VOLUME | Measure.VWAP_FOR_VOLUME:
                return taken_volume(levels, query.value)
            case Measure.PRICE_FOR_QUOTE_VOLUME:
                return taken_quote(levels, query.value)
            case Measure.VOLUME_FOR_PRICE | Measure.QUOTE_VOLUME_FOR_PRICE:
                return taken_to(levels, query.value, is_buy=query.is_buy)

    def _side(self, depth: int, *, asks: bool) -> str:
        levels = islice(self._markets.levels(*self._market, asks=asks), depth)
        return ",".join(f'{{"price":{plain_decimal(price)},"amount":{plain_decimal(amount)}}}' for price, amount in levels)


class OrderBooks:
    """Order books from shared feeds; prices and funding, a second old at most."""

    def __init__(self, markets: Markets, feeds: Feeds) -> None:
        self._markets = markets
        self._feeds = feeds

    async def snapshot(self, query: GetOrderBook, _metadata: Metadata) -> bytes:
        """The best levels."""
        feed = await self.feed(query.connector, query.trading_pair)
        pair = json.dumps(query.trading_pair)
        return f'{{"trading_pair":{pair},{feed.sides(query.depth)},"timestamp":{time.time()}}}'.encode()

    async def measure(self, query: MeasureOrderBook, _metadata: Metadata) -> bytes:
        """What a taker would get."""
        feed = await self.feed(query.connector, query.trading_pair)
        return _object({"trading_pair": query.trading_pair, "is_buy": query.is_buy, **_result(query, feed.taken(query))})

    async def prices(self, query: GetPrices, _metadata: Metadata) -> bytes:
        """The last traded prices."""
        pairs = list(dict.fromkeys(query.trading_pairs))
        for pair in pairs:
            await self._markets.check(query.connector, pair)
        found = await asyncio.gather(*(self._markets.price(query.connector, pair) for pair in pairs))
        prices = _object(dict(zip(pairs, found, strict=True)), stamped=False).decode()
        return f'{{"connector":{json.dumps(query.connector)},"prices":{prices},"timestamp":{time.time()}}}'.encode()

    async def funding(self, query: GetFundingInfo, _metadata: Metadata) -> bytes:
        """Funding of a perpetual."""
        if "_perpetual" not in query.connector:
            msg = f"'{query.connector}' is not a perpetual connector: its name would contain _perpetual"
            raise MarketNotPerpetual(msg, field="connector_name")
        await self._markets.check(query.connector, query.trading_pair)
        found = await self._markets.funding(query.connector, query.trading_pair)
        return _object({"trading_pair": query.trading_pair, **found}, stamped=False)

    async def follow(self, connector: str, trading_pair: str) -> None:
        """Return when the book is live; refused and Unavailable as a query for it."""
        await self.feed(connector, trading_pair)

    async def feed(self, connector: str, trading_pair: str) -> BookFeed:
        """The running feed, started when there is none. Raises MarketNotFound, Unavailable."""
        await self._markets.check(connector, trading_pair)
        name = book_name(connector, trading_pair)
        return await self._feeds.of(name, lambda: BookFeed(connector, trading_pair, self._markets))


def market_name(market: Market) -> str:
    """The name of the feed that answers a query about one market."""
    return book_name(market.connector, market.trading_pair)


def book_name(connector: str, trading_pair: str) -> str:
    """The contract's name of a book's feed."""
    return f"order_book_{connector}_{trading_pair}"


def _result(query: MeasureOrderBook, taken: Taken) -> dict[str, Any]:
    """The contract's fields; what the book cannot give is null."""
    measure = Measure(query.measure)
    by_price = measure in {Measure.VOLUME_FOR_PRICE, Measure.QUOTE_VOLUME_FOR_PRICE}
    quote = measure in {Measure.PRICE_FOR_QUOTE_VOLUME, Measure.QUOTE_VOLUME_FOR_PRICE}
    vwap = measure is Measure.VWAP_FOR_VOLUME
    return {
        "query_volume": None if by_price or quote else query.value,
        "query_quote_volume": query.value if measure is Measure.PRICE_FOR_QUOTE_VOLUME else None,
        "query_price": query.value if by_price else None,
        "result_price": taken.price if taken.whole and not vwap else None,
        "result_volume": taken.volume or None,
        "result_quote_volume": (taken.quote_volume or None) if quote else None,
        "average_price": taken.average if vwap and taken.whole else None,
        "price_impact_pct": taken.impact if taken.whole else None,
    }


def _object(values: dict[str, Any], *, stamped: bool = True) -> bytes:
    """A JSON object whose numbers keep every digit."""
    members = [f"{json.dumps(name)}:{_value(value)}" for name, value in values.items()]
    if stamped:
        members.append(f'"timestamp":{time.time()}')
    return f"{{{','.join(members)}}}".encode()


def _value(value: Any) -> str:
    return plain_decimal(value) if isinstance(value, Decimal) else json.dumps(value)
