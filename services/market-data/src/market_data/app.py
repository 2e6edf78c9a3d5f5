"""The composition root: the only module that knows all the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from contracts.market_data import (
    CompleteCandles,
    GetCandles,
    GetFeedSettings,
    GetFundingInfo,
    GetOrderBook,
    GetPrices,
    ListCandleConnectors,
    ListFeeds,
    ListStoredCandles,
    MeasureOrderBook,
    ReadCandles,
)
from contracts.market_feeds import WatchFeed
from contracts.rates import GetRate, GetTickers, ListRatePrices, ListRateSources, ResolveRates
from contracts.tracked_books import AddTradingPair, DiagnoseOrderBooks, RemoveTradingPair, RestartOrderBooks
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from service_kit.broadcast import tell
from service_kit.service import Service
from service_kit.sharing import Sharing

from market_data.adapters.candle_store import ParquetCandles
from market_data.adapters.candles import EngineCandles
from market_data.adapters.loading import Loading
from market_data.adapters.order_books import EngineMarkets
from market_data.adapters.tickers import EngineTickers
from market_data.domain.spans import partitions, united
from market_data.handlers import together
from market_data.handlers.books import BookFeed, OrderBooks, market_name
from market_data.handlers.candle_feed import CandleFeed
from market_data.handlers.candle_files import CandleFiles
from market_data.handlers.candles import Candles, series_name
from market_data.handlers.feeds import Feeds
from market_data.handlers.history import History
from market_data.handlers.looks import BookLook, CandlesLook, Look, PriceLook, TradesLook
from market_data.handlers.tickers import Tickers
from market_data.handlers.tracked_books import TrackedBooks
from market_data.handlers.watching import Watching
from market_data.settings import Settings


def build(settings: Settings) -> Service:
    """The composed service; connects to nothing until it is run, and loads the engine when somebody needs it."""
    service = Service("market-data", settings)
    sharing = Sharing(service.bus, service.leases, service=service.name, replica=settings.replica)
    service.on_start(sharing.look)
    service.task("sharing", sharing.run)
    loading = Loading(Engine(Venue(settings.sandbox_url if settings.venue == "sandbox" else None)))
    feeds = Feeds(settings.feed_timeout, settings.cleanup_interval, settings.candles_ready_timeout)
    source, store = EngineCandles(loading), ParquetCandles(settings.candle_dir, partitions, united)
    history = History(source, store, settings.history_timeout)
    candles = Candles(source, store, history, feeds)
    _serve_candles(service, sharing, candles)
    markets = EngineMarkets(loading)
    books = OrderBooks(markets, feeds)
    _serve_books(service, sharing, books)
    _serve_tracked_books(service, sharing, TrackedBooks(markets, books, feeds))
    _serve_rates(service, Tickers(EngineTickers(loading), settings.tickers))
    watching = _watching(service, sharing, books, markets, candles)
    _measure(service, feeds, watching)
    service.task("feeds", feeds.keep)
    service.task("handover", lambda: feeds.hand_over(sharing.mine))
    service.on_stop(watching.stop)
    service.on_stop(feeds.stop)
    service.on_stop(markets.stop)
    service.on_stop(loading.stop)
    return service


@dataclass(frozen=True)
class Files:
    """What `python -m market_data export|import` works with, beside the running service."""

    source: EngineCandles
    candles: CandleFiles
    stop: Callable[[], Awaitable[None]]


def files(settings: Settings) -> Files:
    """The candle store for an operator; nothing is loaded before it is asked."""
    loading = Loading(Engine(Venue(settings.sandbox_url if settings.venue == "sandbox" else None)))
    store = ParquetCandles(settings.candle_dir, partitions, united)
    return Files(EngineCandles(loading), CandleFiles(store), loading.stop)


def _watching(service: Service, sharing: Sharing, books: OrderBooks, markets: EngineMarkets, candles: Candles) -> Watching:
    looks: dict[str, Callable[[], Look]] = {
        "book": lambda: BookLook(books, markets),
        "candles": lambda: CandlesLook(candles),
        "trades": lambda: TradesLook(books, markets),
        "price": lambda: PriceLook(markets),
    }

    watching = Watching(partial(tell, service.bus), lambda kind: looks[kind]())
    # What is told of one feed comes from one replica.
    service.query(
        WatchFeed,
        sharing.by(lambda query: (series_name if query.kind == "candles" else market_name)(query), watching.watch),
        own=watching.watch,
    )
    return watching


def _measure(service: Service, feeds: Feeds, watching: Watching) -> None:
    told = service.metrics.gauge("market_data_feeds_told", "Feeds whose updates are told to the gateway.")
    running = service.metrics.gauge("market_data_feeds", "Feeds that are running.", "kind")
    waiting = service.metrics.gauge("market_data_feeds_waiting", "Feeds that are running and not current.", "kind")

    async def count() -> None:
        for kind in (CandleFeed.kind, BookFeed.kind):
            running.labels(kind).set(feeds.count(kind))
            waiting.labels(kind).set(feeds.waiting(kind))
        told.set(watching.count())

    service.metrics.on_scrape(count)


def _serve_candles(service: Service, sharing: Sharing, candles: Candles) -> None:
    service.query(GetCandles, sharing.by(series_name, candles.candles), own=candles.candles)
    service.query(CompleteCandles, sharing.by(series_name, candles.complete), own=candles.complete)
    service.query(ReadCandles, candles.read)
    service.query(ListCandleConnectors, candles.connectors)
    service.query(ListStoredCandles, candles.stored)
    service.query(ListFeeds, sharing.everybody(candles.feeds, together.feeds), own=candles.feeds)
    service.query(GetFeedSettings, candles.settings)


def _serve_books(service: Service, sharing: Sharing, books: OrderBooks) -> None:
    service.query(GetOrderBook, sharing.by(market_name, books.snapshot), own=books.snapshot)
    service.query(MeasureOrderBook, sharing.by(market_name, books.measure), own=books.measure)
    service.query(GetPrices, books.prices)
    service.query(GetFundingInfo, books.funding)


def _serve_tracked_books(service: Service, sharing: Sharing, tracked: TrackedBooks) -> None:
    service.query(AddTradingPair, sharing.by(market_name, tracked.add), own=tracked.add)
    service.query(RemoveTradingPair, sharing.by(market_name, tracked.remove), own=tracked.remove)
    service.query(DiagnoseOrderBooks, sharing.everybody(tracked.diagnose, together.diagnoses), own=tracked.diagnose)
    service.query(RestartOrderBooks, sharing.everybody(tracked.restart, together.restarts), own=tracked.restart)


def _serve_rates(service: Service, tickers: Tickers) -> None:
    service.query(GetTickers, tickers.tickers)
    service.query(ResolveRates, tickers.rates)
    service.query(GetRate, tickers.rate)
    service.query(ListRatePrices, tickers.prices)
    service.query(ListRateSources, tickers.sources)
