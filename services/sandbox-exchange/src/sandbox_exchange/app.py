"""Composition of the sandbox exchange: the only module that knows all the others."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web

from sandbox_exchange.adapters.candle_files import replays
from sandbox_exchange.adapters.clock import Clock
from sandbox_exchange.adapters.journal import Journal
from sandbox_exchange.adapters.journal_files import Stored
from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.matching import pieces_by
from sandbox_exchange.domain.market.pairs import LISTED
from sandbox_exchange.domain.market.prices import Candle, PriceProcess, RandomProcess, ReplayProcess
from sandbox_exchange.handlers.admin import Admin
from sandbox_exchange.handlers.doors import refusals
from sandbox_exchange.handlers.fault_admin import FaultAdmin
from sandbox_exchange.handlers.futures_account import FuturesAccounts
from sandbox_exchange.handlers.futures_admin import FuturesAdmin
from sandbox_exchange.handlers.futures_maker import FuturesMaker
from sandbox_exchange.handlers.futures_orders import FuturesOrders
from sandbox_exchange.handlers.futures_public import FuturesPublic
from sandbox_exchange.handlers.futures_user_streams import FuturesUserStreams
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.market_maker import MarketMaker
from sandbox_exchange.handlers.market_streams import FUTURES_STREAMS, SPOT, MarketStreams
from sandbox_exchange.handlers.recovery import Exchanges, fold
from sandbox_exchange.handlers.request_faults import request_faults
from sandbox_exchange.handlers.spot_account import SpotAccount
from sandbox_exchange.handlers.spot_public import SpotPublic
from sandbox_exchange.handlers.stream_faults import StreamFaults
from sandbox_exchange.handlers.streams import Hub
from sandbox_exchange.handlers.user_streams import UserStreams
from sandbox_exchange.handlers.venue import Venue
from sandbox_exchange.settings import Settings

logger = logging.getLogger(__name__)

JOURNAL = web.AppKey("journal", Journal)
MAKERS = web.AppKey("makers", tuple[MarketMaker, ...])
HUB = web.AppKey("hub", Hub)
GRACE_SECONDS = 2.0
VERSIONS_PER_MS = 100
"""Book versions start from the time, so that they grow over restarts: readers drop changes older than what they have."""


class Door(Protocol):
    """A group of routes."""

    def routes(self) -> list[web.RouteDef]: ...


def build(settings: Settings) -> web.Application:
    """The exchange, restored from its journal. Raises JournalBroken, BlockingIOError (directory in use), ValueError."""
    exchanges, clock, hub = Exchanges(), Clock(), Hub()
    journal = Journal(settings.data_dir)

    def restore(stored: Stored) -> int:
        number, at = fold(exchanges, stored)
        clock.not_before(at)
        return number

    journal.open(restore)
    venue = Venue(exchanges.spot, journal, clock, hub, _processes(settings))
    futures = FuturesVenue(venue, exchanges.futures, journal, hub, settings.seed)
    for market in (*venue.markets.values(), *futures.markets.values()):
        market.book.version = clock.now() * VERSIONS_PER_MS

    def committed(number: int) -> None:
        venue.committed(number)
        futures.committed(number)

    journal.on_commit = committed
    faults = Faults()
    makers = MarketMaker(venue, faults, settings.seed), FuturesMaker(futures, faults, settings.seed)
    hub.pass_on = StreamFaults(venue, hub, faults).publish
    exchanges.spot.pieces = exchanges.futures.pieces = pieces_by(exchanges.spot, faults)
    application = web.Application(middlewares=[refusals, request_faults(venue, faults)])
    for door in _doors(venue, futures, makers, faults, settings.admin_token.get_secret_value()):
        application.add_routes(door.routes())
    application[JOURNAL], application[MAKERS], application[HUB] = journal, makers, hub
    return application


def _doors(
    venue: Venue, futures: FuturesVenue, makers: tuple[MarketMaker, ...], faults: Faults, token: str
) -> tuple[Door, ...]:
    return (
        SpotPublic(venue, faults),
        SpotAccount(venue),
        MarketStreams(venue.hub, venue.markets, SPOT),
        UserStreams(venue, venue.hub, faults),
        FuturesPublic(futures, faults),
        FuturesOrders(futures),
        FuturesAccounts(futures),
        MarketStreams(futures.hub, futures.markets, FUTURES_STREAMS),
        FuturesUserStreams(futures, futures.hub),
        Admin(venue, futures, makers, token),
        FuturesAdmin(futures, token),
        FaultAdmin(venue, faults, token),
    )


async def serve(application: web.Application, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT (0), or until the journal or the market fails (1).

    After such a failure memory may be ahead of the disk, or the market stand still: neither can be served on.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running(application, settings.host, settings.port) as (port, tasks):
        # Code, and books recovered from the journal: the collector would halt trading to look through all of it.
        gc.collect()
        gc.freeze()
        logger.info("Serving on http://%s:%d", settings.host, port)
        for task in tasks:
            task.add_done_callback(lambda _: ended.set())
        await ended.wait()
        failures = [task.exception() for task in tasks if task.done()]
    for failure in failures:
        logger.critical("Ending the process.", exc_info=failure)
    return 1 if failures else 0


@asynccontextmanager
async def running(
    application: web.Application, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[int, list[asyncio.Task[None]]]]:
    """Run the exchange and its background work; the port it listens on, and the tasks that must not end."""
    journal, makers, hub = application[JOURNAL], application[MAKERS], application[HUB]
    for maker in makers:
        maker.quote_all()
    tasks = [asyncio.create_task(journal.run()), *(asyncio.create_task(maker.run()) for maker in makers)]
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1], tasks
    finally:
        await hub.close()
        await runner.cleanup()
        for task in tasks[1:]:
            task.cancel()
        journal.stop()
        await asyncio.wait(tasks)
        journal.close()


def _processes(settings: Settings) -> dict[str, PriceProcess]:
    files = {symbol: [Candle(*row) for row in rows] for symbol, rows in replays(settings.replay_csv).items()}
    return {
        pair.symbol: ReplayProcess(pair, files[pair.symbol]) if pair.symbol in files else RandomProcess(pair, settings.seed)
        for pair in LISTED
    }
