"""Tickers of whole exchanges through the engine: the price of every pair, and its volume of the last 24 hours.

Where we know the exchange's answer with volumes it is asked for that (the engine's own path and rate limit). The others have
the prices of the engine's rate sources, without volumes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from contracts.rates import RateSourceUnknown
from contracts.rejections import Unavailable
from engine_kit.asking import asked

from market_data.adapters.loading import Loading


@dataclass(frozen=True, slots=True)
class Ticker:
    """Half way between the best bid and ask where both are told, else the last price; volumes of 24 hours in base and quote."""

    price: Decimal
    base_volume: Decimal | None = None
    quote_volume: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """One exchange's answer: the constant of its path, where the rows are in it, and their members."""

    path: str
    symbol: str
    bid: str
    ask: str
    last: str
    base: str
    quote: str
    rows: Callable[[Any], Iterable[Mapping[str, Any]]] = lambda answer: answer


def _binance(path: str) -> _Answer:
    return _Answer(path, "symbol", "bidPrice", "askPrice", "lastPrice", "volume", "quoteVolume")


ANSWERS = {
    "binance": _binance("TICKER_PRICE_CHANGE_PATH_URL"),
    "binance_perpetual": _binance("TICKER_PRICE_CHANGE_URL"),
    "mexc": _binance("TICKER_PRICE_CHANGE_PATH_URL"),
    "gate_io": _Answer("TICKER_PATH_URL", "currency_pair", "highest_bid", "lowest_ask", "last", "base_volume", "quote_volume"),
    "kucoin": _Answer(
        "ALL_TICKERS_PATH_URL", "symbolName", "buy", "sell", "last", "vol", "volValue", lambda answer: answer["data"]["ticker"]
    ),
}

KEYLESS: dict[str, dict[str, Any]] = {
    "coin_gecko": {"extra_token_ids": []},
    "coin_cap": {"assets_map": {}, "api_key": ""},
    "architect_perpetual": {"domain": "architect_perpetual"},
}
"""What the engine's rate sources are made with that need something."""

TOLD_IN = {"coin_gecko": "USD", "coin_cap": "USDT"}
"""Sources that tell prices in one token at a time, and which we ask for."""


class EngineTickers:
    """The TickerSource of the installed engine."""

    def __init__(self, loading: Loading) -> None:
        """No I/O."""
        self._loading = loading
        self._sources: dict[str, Any] = {}

    async def sources(self) -> list[str]:
        """The engine's rate sources, and exchanges whose tickers we read besides."""
        await self._loading.engine()
        return sorted({*engine_sources(), *ANSWERS})

    async def check(self, source: str) -> None:
        """Raise RateSourceUnknown for a source that does not exist."""
        known = await self.sources()
        if source not in known:
            msg = f"There is no source of rates '{source}'; those there are: {', '.join(known)}"
            raise RateSourceUnknown(msg, field="connector")

    async def read(self, source: str) -> dict[str, Ticker]:
        """All tickers by trading pair, asked for now. RateSourceUnknown; Unavailable with the reason."""
        await self.check(source)
        (await self._loading.engine()).venue.admit(source)
        found = await (self._read_exchange(source) if source in ANSWERS else self._read_prices(source))
        if not found:
            raise Unavailable(f"'{source}' gives no tickers now", retry_after=10)
        return found

    async def _read_exchange(self, source: str) -> dict[str, Ticker]:
        made, told = await self._loading.public(source), ANSWERS[source]
        path = getattr(importlib.import_module(type(made).__module__).CONSTANTS, told.path)
        pairs = await asked(made.trading_pair_symbol_map())
        answer = await asked(made._api_get(path_url=path))
        tickers = ((pairs.get(row[told.symbol]), _ticker(row, told)) for row in told.rows(answer))
        return {pair: ticker for pair, ticker in tickers if pair is not None and ticker is not None}

    async def _read_prices(self, source: str) -> dict[str, Ticker]:
        if source not in self._sources:
            self._sources[source] = engine_sources()[source](**KEYLESS.get(source, {}))
        prices = await asked(self._sources[source].get_prices(quote_token=TOLD_IN.get(source)))
        return {pair: Ticker(Decimal(price)) for pair, price in prices.items() if Decimal(price) > 0}


def engine_sources() -> dict[str, Any]:
    """The engine's rate sources by name: the classes it makes them of."""
    found: dict[str, Any] = importlib.import_module("hummingbot.core.rate_oracle.rate_oracle").RATE_ORACLE_SOURCES
    return found


def _ticker(row: Mapping[str, Any], told: _Answer) -> Ticker | None:
    """None for a pair that has no price: nobody offers or traded."""
    bid, ask, last, base, quote = (_number(row.get(name)) for name in (told.bid, told.ask, told.last, told.base, told.quote))
    price = (bid + ask) / 2 if bid is not None and ask is not None and 0 < bid <= ask else last
    return None if price is None or price <= 0 else Ticker(price, base, quote)


def _number(value: Any) -> Decimal | None:
    """A number as the exchange wrote it, None for what is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
