"""A market-data service that says what a test wants, on a real NATS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from contracts import naming
from contracts.market_data import GetCandles, GetOrderBook, GetPrices
from contracts.market_feeds import BookUpdated, CandlesUpdated, PriceUpdated, TradesUpdated, WatchFeed
from contracts.message import Metadata, Query, Update
from contracts.rejections import Rejection, Unavailable
from service_kit.broadcast import tell
from service_kit.service import Service
from service_kit.settings import ServiceSettings

DEADLINE = 60
UPDATES: dict[str, type[Update]] = {
    "book": BookUpdated,
    "candles": CandlesUpdated,
    "trades": TradesUpdated,
    "price": PriceUpdated,
}
BOOK = {"rows": 10, "bids": [["100.10", "1"], ["100", "2.5"]], "asks": [["101", "3"]]}
ASKED = b'{"asked": true}'


async def until(check: Callable[[], Any]) -> None:
    """Returns when it is so."""
    async with asyncio.timeout(DEADLINE):
        while not check():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)


class MarketData:
    """Answers and tells `states`, by kind; `trouble` refuses."""

    def __init__(self, url: str, owner: str = "one", replica: str = "r1") -> None:
        self.owner = owner
        self.states: dict[str, dict[str, Any]] = {"book": dict(BOOK), "price": {"price": "100.5"}}
        self.trouble: Unavailable | Rejection | None = None
        self.wanted: list[WatchFeed] = []
        self.asked: list[Query] = []
        self.number = 0
        self._beating: asyncio.Task[None] | None = None
        self.service = Service("market-data", ServiceSettings(nats_url=url, replica=replica))
        self.service.query(WatchFeed, self._watch)
        for query in (GetOrderBook, GetCandles, GetPrices):
            self.service.query(query, self._answer)

    async def start(self) -> None:
        await self.service.start()

    async def stop(self) -> None:
        self.quiet()
        await self.service.stop()

    def beat(self) -> None:
        """Tell all the time what is wanted, without a change."""

        async def run() -> None:
            while True:
                for query in {each.model_dump_json(exclude={"rows"}): each for each in self.wanted}.values():
                    members = self.states[query.kind]
                    await self.tell(query, **({"rows": members["rows"]} if query.kind == "candles" else members))
                await asyncio.sleep(0.1)

        self._beating = asyncio.create_task(run())

    def quiet(self) -> None:
        """Tell nothing any more."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    async def tell(self, query: WatchFeed, *, trouble: str | None = None, owner: str | None = None, **members: Any) -> None:
        """Tell an update of a feed."""
        self.number += 1
        name = (query.connector, query.trading_pair, *((query.interval,) if query.kind == "candles" else ()))
        kind = UPDATES[query.kind]
        await tell(self.service.bus, naming.feed_subject(kind, *name), self._update(kind, members, trouble, owner))

    def _update(
        self, kind: type[Update], members: dict[str, Any], trouble: str | None = None, owner: str | None = None
    ) -> bytes:
        update = {"owner": owner or self.owner, "number": self.number, "at": time.time(), "trouble": trouble, **members}
        return kind.model_validate(update).model_dump_json().encode()

    async def _watch(self, query: WatchFeed, _metadata: Metadata) -> bytes:
        if self.trouble is not None:
            raise self.trouble
        self.wanted.append(query)
        return self._update(UPDATES[query.kind], self.states[query.kind])

    async def _answer(self, query: Query, _metadata: Metadata) -> bytes:
        self.asked.append(query)
        return ASKED
