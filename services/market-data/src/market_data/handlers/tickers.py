"""Answers queries about tickers and rates: from tickers that many askers share, seconds old."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from contracts.message import Metadata, plain_decimal
from contracts.rates import (
    GetRate,
    GetTickers,
    ListRatePrices,
    ListRateSources,
    RateSourceUnknown,
    RateUnknown,
    ResolveRates,
)
from contracts.rejections import Unavailable
from engine_kit.rates import TickerPool
from service_kit.flight import Flights

from market_data.adapters.tickers import Ticker

FRESH_SECONDS = 10.0
"""How old tickers may be."""

SPARING_SECONDS = 1.0
"""How old they may be for who asks for new ones: an exchange counts this answer dearly."""


class TickerSource(Protocol):
    """The exchanges."""

    async def sources(self) -> list[str]:
        """The names of those that have tickers, sorted."""
        ...

    async def check(self, source: str) -> None:
        """Raise RateSourceUnknown."""
        ...

    async def read(self, source: str) -> dict[str, Ticker]:
        """Ask one of them for all its tickers. RateSourceUnknown, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """What one source told, and when: on the monotonic clock, and as Unix time."""

    tickers: Mapping[str, Ticker]
    pool: TickerPool
    at: float
    told_at: float


class Tickers:
    """Tickers by source, and rates out of one of them or out of the pool: sources in the order in which they count."""

    def __init__(self, source: TickerSource, pool: Sequence[str]) -> None:
        """No I/O."""
        self._source = source
        self._pool = tuple(pool)
        self._read: dict[str, _Read] = {}
        self._flights: Flights[_Read] = Flights()
        self._merged: tuple[tuple[_Read, ...], TickerPool] = ((), TickerPool({}))

    async def tickers(self, query: GetTickers, _metadata: Metadata) -> bytes:
        """By connector; one that fails hides no other."""
        age = SPARING_SECONDS if query.refresh else FRESH_SECONDS if query.max_age is None else query.max_age
        found, errors = await self._all(query.connectors or self._pool, age)
        shown = ",".join(f"{json.dumps(name)}:{_tickers(read)}" for name, read in found.items())
        counts = {name: len(read.tickers) for name, read in found.items()}
        told = {"counts": counts, "updated_at": {name: read.told_at for name, read in found.items()}, "errors": errors}
        return f'{{"tickers":{{{shown}}},{json.dumps(told)[1:]}'.encode()

    async def rates(self, query: ResolveRates, _metadata: Metadata) -> bytes:
        """Of all pairs; why there is none stands beside."""
        pool = await (self._whole() if query.connector is None else self._of(query.connector))
        rates: dict[str, str] = {}
        missing: dict[str, str] = {}
        for pair in dict.fromkeys(query.trading_pairs):
            base, quote = _tokens(pair, query.quote_token)
            found = pool.rate(base, quote)
            rates[pair] = "null" if found is None else plain_decimal(found)
            if found is None:
                missing[pair] = pool.missing(base, quote)
        connector, quote_token = json.dumps(query.connector), json.dumps(query.quote_token)
        head = f'"connector":{connector},"source":{connector},"quote_token":{quote_token}'
        return f'{{{head},"rates":{_numbers(rates)},"missing":{json.dumps(missing)}}}'.encode()

    async def rate(self, query: GetRate, _metadata: Metadata) -> bytes:
        """Of one pair."""
        pool = await self._of(query.source, SPARING_SECONDS if query.refresh else FRESH_SECONDS)
        base, quote = _tokens(query.trading_pair, query.quote_token)
        found = pool.rate(base, quote)
        if found is None:
            msg = f"No rate of {query.trading_pair} from {query.source}: {pool.missing(base, quote)}"
            raise RateUnknown(msg, field="trading_pair")
        told = {"trading_pair": query.trading_pair, "source": query.source, "quote_token": query.quote_token}
        return f'{{"rate":{plain_decimal(found)},{json.dumps(told)[1:]}'.encode()

    async def prices(self, query: ListRatePrices, _metadata: Metadata) -> bytes:
        """All pairs of a source."""
        prices = {pair: plain_decimal(price) for pair, price in (await self._of(query.source)).prices.items()}
        told = {"source": query.source, "quote_token": query.quote_token, "prices_count": len(prices)}
        return f'{{"prices":{_numbers(prices)},{json.dumps(told)[1:]}'.encode()

    async def sources(self, _query: ListRateSources, _metadata: Metadata) -> bytes:
        """The names a source may have."""
        return json.dumps(await self._source.sources()).encode()

    async def _of(self, source: str, age: float = FRESH_SECONDS) -> TickerPool:
        return (await self._current(source, age)).pool

    async def _whole(self) -> TickerPool:
        """All sources of the pool that answer, as one: of a pair that several have, the price of the first."""
        found, errors = await self._all(self._pool, FRESH_SECONDS)
        if not found:
            raise Unavailable(f"No tickers: {'; '.join(errors.values())}", retry_after=5)
        reads = tuple(found.values())
        if self._merged[0] != reads:
            prices: dict[str, Decimal] = {}
            for read in reversed(reads):
                prices |= read.pool.prices
            self._merged = reads, TickerPool(prices)
        return self._merged[1]

    async def _all(self, sources: Sequence[str], age: float) -> tuple[dict[str, _Read], dict[str, str]]:
        names = list(dict.fromkeys(sources))
        found: dict[str, _Read] = {}
        errors: dict[str, str] = {}

        async def one(name: str) -> None:
            try:
                found[name] = await self._current(name, age)
            except (RateSourceUnknown, Unavailable) as failure:
                errors[name] = failure.detail

        await asyncio.gather(*(one(name) for name in names))
        return {name: found[name] for name in names if name in found}, errors

    async def _current(self, source: str, age: float) -> _Read:
        kept = self._read.get(source)
        if kept is not None and time.monotonic() - kept.at < age:
            return kept
        return await self._flights.join(source, lambda: self._ask(source))

    async def _ask(self, source: str) -> _Read:
        began = time.monotonic()
        tickers = await self._source.read(source)
        pool = TickerPool({pair: ticker.price for pair, ticker in tickers.items()})
        self._read[source] = read = _Read(tickers, pool, began, time.time())
        return read


def _tokens(pair: str, quote_token: str) -> tuple[str, str]:
    base, dash, quote = pair.partition("-")
    return base, quote if dash else quote_token


def _tickers(read: _Read) -> str:
    members = (f"{json.dumps(pair)}:{_ticker(ticker, read.told_at)}" for pair, ticker in sorted(read.tickers.items()))
    return f"{{{','.join(members)}}}"


def _ticker(ticker: Ticker, told_at: float) -> str:
    base, quote = ("null" if volume is None else plain_decimal(volume) for volume in (ticker.base_volume, ticker.quote_volume))
    return f'{{"price":{plain_decimal(ticker.price)},"base_volume":{base},"quote_volume":{quote},"timestamp":{told_at}}}'


def _numbers(values: Mapping[str, Any]) -> str:
    """An object of numbers that are text already."""
    return f"{{{','.join(f'{json.dumps(name)}:{value}' for name, value in values.items())}}}"
