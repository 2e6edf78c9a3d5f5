"""Rates of tokens from one exchange's order book tops, direct, inverse or over a token in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine_kit.asking import asked
from engine_kit.rates import TickerPool
from service_kit.flight import Flights

from trading.adapters.markets import Markets

SOURCE = "binance"
FRESH_SECONDS = 10


class EngineRates:
    """The Rates of Binance's public book tickers; asked once for many callers, seconds old."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self._pool = TickerPool({})
        self._read_at = -FRESH_SECONDS * 1.0
        self._flights: Flights[TickerPool] = Flights()

    async def rates(self, tokens: Iterable[str], quote_token: str) -> dict[str, Decimal | None]:
        """One token's price in the quote token; None when no route is known. Unavailable when no source answers."""
        pool = await self._current()
        return {token: pool.rate(token, quote_token) for token in tokens}

    async def _current(self) -> TickerPool:
        if time.monotonic() - self._read_at < FRESH_SECONDS:
            return self._pool
        return await self._flights.join(SOURCE, self._read)

    async def _read(self) -> TickerPool:
        market = await self._markets.of(SOURCE)
        rows = await asked((await self._markets.public(SOURCE)).get_all_pairs_prices())
        mids = {market.symbols.get(row["symbol"]): _mid(row) for row in rows}
        prices = {pair: mid for pair, mid in mids.items() if pair is not None and mid is not None}
        self._pool = await asyncio.to_thread(TickerPool, prices)
        self._read_at = time.monotonic()
        return self._pool


def _mid(row: Mapping[str, str]) -> Decimal | None:
    """Half way between bid and ask; None for an empty or crossed book."""
    bid, ask = Decimal(row["bidPrice"]), Decimal(row["askPrice"])
    return (bid + ask) / 2 if 0 < bid <= ask else None
