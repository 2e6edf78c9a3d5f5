"""Market data: candles and the feeds they come from. Nothing here is stored as an event."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from contracts.message import Amount, Query
from contracts.rejections import Kind, Rejection, Unavailable

CONTEXT = "market-data"

SECONDS = {
    "1s": 1,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "4h": 14400,
    "6h": 21600,
    "8h": 28800,
    "12h": 43200,
    "1d": 86400,
    "3d": 259200,
    "1w": 604800,
    "1M": 31 * 86400,
}
"""The length of each interval; of a month the longest."""

MOST_CANDLES = 10_000
"""Candles in one answer."""


class GetCandles(Query):
    """The newest candles, the unfinished one included, as a JSON array, oldest first; starts the feed when there is none.

    Refused: ConnectorWithoutCandles, TradingPairNotListed, IntervalUnknown. Unavailable: CandlesNotReady, exchange unreachable.
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "candles"

    connector: str
    trading_pair: str
    interval: str = "1m"
    max_records: int = Field(default=500, ge=1, le=MOST_CANDLES)


class CompleteCandles(Query):
    """Fetch from the exchange what the store lacks of the closed candles that open in `start` <= t <= `end` (Unix seconds).

    Answers `{"until": t}`: closed candles that open before t are in the store as far as the exchange has them. Refused and
    Unavailable as GetCandles; RangeInvalid. What was fetched before a time-out is kept.
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "candles"

    connector: str
    trading_pair: str
    interval: str = "1m"
    start: int
    end: int


class ReadCandles(Query):
    """The candles that open in `start` <= t < `end` as a JSON array, oldest first, as far as the store has them.

    With `unfinished` those the store cannot have yet are asked of the exchange and follow. Refused as GetCandles.
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "candles"

    connector: str
    trading_pair: str
    interval: str = "1m"
    start: int
    end: int
    unfinished: bool = False


class ListCandleConnectors(Query):
    """The connectors that have candles, sorted."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "candles"


class ListStoredCandles(Query):
    """What the candle store holds of each connector, pair and interval: complete spans, candles, and the exchange's gaps."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "candles"


class GetOrderBook(Query):
    """The best levels of a live order book. Starts the feed when there is none.

    Refused: MarketNotFound. Unavailable with the reason: not live, out of date, empty, crossed, the exchange unreachable.
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "book"

    connector: str
    trading_pair: str
    depth: int = Field(default=10, ge=1, le=1000)


class MeasureOrderBook(Query):
    """What a taker would get from a live order book; refused and Unavailable as GetOrderBook.

    `measure` is `price-for-volume`, `volume-for-price`, `price-for-quote-volume`, `quote-volume-for-price` or
    `vwap-for-volume`; `value` the volume or price.
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "book"

    connector: str
    trading_pair: str
    is_buy: bool
    measure: Literal[
        "price-for-volume", "volume-for-price", "price-for-quote-volume", "quote-volume-for-price", "vwap-for-volume"
    ]
    value: Amount


class GetPrices(Query):
    """The last traded prices of pairs, a second old at most. Refused: MarketNotFound."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "price"

    connector: str
    trading_pairs: tuple[str, ...]


class GetFundingInfo(Query):
    """Rate, next payment, mark and index price of a perpetual, a second old at most.

    Refused: MarketNotFound, MarketNotPerpetual.
    """

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "funding"

    connector: str
    trading_pair: str


class ListFeeds(Query):
    """The running feeds by name, with their health and when they close unless somebody asks again."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "feed"


class GetFeedSettings(Query):
    """How long feeds live that nobody asks for, in seconds."""

    context: ClassVar[str] = CONTEXT
    noun: ClassVar[str] = "feed"


class MarketNotFound(Rejection):
    """There is no such connector, or its exchange does not list the pair."""

    kind = Kind.NOT_FOUND


class MarketNotPerpetual(Rejection):
    """Funding is paid on perpetual contracts only."""

    kind = Kind.INVALID


class ConnectorWithoutCandles(Rejection):
    """The connector has no candles; the detail lists those that have."""

    kind = Kind.INVALID


class TradingPairNotListed(Rejection):
    """The exchange does not list the pair, or it is not written as BASE-QUOTE."""

    kind = Kind.INVALID


class IntervalUnknown(Rejection):
    """The connector has no candles of this interval; the detail lists those it has."""

    kind = Kind.INVALID


class RangeInvalid(Rejection):
    """A time range that ends before it begins, or holds more candles than one request may ask for."""

    kind = Kind.INVALID


class CandlesNotReady(Unavailable):
    """The exchange did not give all candles in time; what it gave is kept, so asking again goes on from there."""
