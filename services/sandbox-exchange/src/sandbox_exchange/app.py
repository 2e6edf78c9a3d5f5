"""Composition of the sandbox exchange: the only module that knows all the others."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
from sandbox_exchange.handlers.market_maker import MarketMaker
from sandbox_exchange.handlers.market_streams import MarketStreams
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
MAKER = web.AppKey("maker", MarketMaker)
HUB = web.AppKey("hub", Hub)
GRACE_SECONDS = 2.0
VERSIONS_PER_MS = 100
"""Book versions start from the time, so that they grow over restarts: readers drop changes older than what they have."""


def build(settings: Settings) -> web.Application:
    """The exchange, restored from its journal. Raises JournalBroken, BlockingIOError (directory in use), ValueError."""
    exchanges, clock, hub = Exchanges(), Clock(), Hub()
    exchange = exchanges.spot
    journal = Journal(settings.data_dir)

    def restore(stored: Stored) -> int:
        number, at = fold(exchanges, stored)
        clock.not_before(at)
        return number

    journal.open(restore)
    for market in exchange.state.markets.values():
        market.book.version = clock.now() * VERSIONS_PER_MS
    venue = Venue(exchange, journal, clock, hub, _processes(settings))
    journal.on_commit = venue.committed
    faults, token = Faults(), settings.admin_token.get_secret_value()
    maker = MarketMaker(venue, faults, settings.seed)
    hub.pass_on = StreamFaults(venue, hub, faults).publish
    exchange.pieces = pieces_by(exchange, faults)
    application = web.Application(middlewares=[refusals, request_faults(venue, faults)])
    for door in (
        SpotPublic(venue, faults),
        SpotAccount(venue),
        MarketStreams(venue, hub),
        UserStreams(venue, hub, faults),
        Admin(venue, maker, token),
        FaultAdmin(venue, faults, token),
    ):
        application.add_routes(door.routes())
    application[JOURNAL], application[MAKER], application[HUB] = journal, maker, hub
    return application


async def serve(application: web.Application, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT (0), or until the journal or the market fails (1).

    After such a failure memory may be ahead of the disk, or the market stand still: neither can be served on.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running(application, settings.host, settings.port) as (port, tasks):
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
    journal, maker, hub = application[JOURNAL], application[MAKER], application[HUB]
    maker.quote_all()
    tasks = [asyncio.create_task(journal.run()), asyncio.create_task(maker.run())]
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1], tasks
    finally:
        await hub.close()
        await runner.cleanup()
        tasks[1].cancel()
        journal.stop()
        await asyncio.wait(tasks)
        journal.close()


def _processes(settings: Settings) -> dict[str, PriceProcess]:
    files = {symbol: [Candle(*row) for row in rows] for symbol, rows in replays(settings.replay_csv).items()}
    return {
        pair.symbol: ReplayProcess(pair, files[pair.symbol]) if pair.symbol in files else RandomProcess(pair, settings.seed)
        for pair in LISTED
    }
