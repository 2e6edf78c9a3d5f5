"""Rates of tokens from one exchange's order book tops, direct, inverse or over a token in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from contracts.message import TOKEN
from engine_kit.asking import asked
from service_kit.flight import Flights

from trading.adapters.markets import Markets

SOURCE = "binance"
FRESH_SECONDS = 10


class EngineRates:
    """The Rates of Binance's public book tickers; asked once for many callers, seconds old."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self._prices: Mapping[str, Decimal] = {}
        self._read_at = -FRESH_SECONDS * 1.0
        self._flights: Flights[Mapping[str, Decimal]] = Flights()

    async def rates(self, tokens: Iterable[str], quote_token: str) -> dict[str, Decimal | None]:
        """One token's price in the quote token; None when no route is known. Unavailable when no source answers."""
        wanted = list(dict.fromkeys(tokens))
        prices = await self._current()
        return await asyncio.to_thread(lambda: {token: rate(prices, token, quote_token) for token in wanted})

    async def _current(self) -> Mapping[str, Decimal]:
        if time.monotonic() - self._read_at < FRESH_SECONDS:
            return self._prices
        return await self._flights.join(SOURCE, self._read)

    async def _read(self) -> Mapping[str, Decimal]:
        market = await self._markets.of(SOURCE)
        rows = await asked((await self._markets.public(SOURCE)).get_all_pairs_prices())
        mids = {market.symbols.get(row["symbol"]): _mid(row) for row in rows}
        self._prices = {pair: mid for pair, mid in mids.items() if pair is not None and mid is not None}
        self._read_at = time.monotonic()
        return self._prices


def rate(prices: Mapping[str, Decimal], token: str, quote_token: str) -> Decimal | None:
    """The price of `token` in `quote_token`: the engine's routes, and where there is none the inverse of the way back."""
    from hummingbot.core.rate_oracle.utils import find_rate

    if not TOKEN.fullmatch(token) or not TOKEN.fullmatch(quote_token) or "-" in f"{token}{quote_token}":
        return None
    found: Any = find_rate(prices, f"{token}-{quote_token}")
    if found is None:
        back = find_rate(prices, f"{quote_token}-{token}")
        found = 1 / back if back else _over_common_base(prices, token, quote_token)
    return None if found is None else Decimal(found)


def _over_common_base(prices: Mapping[str, Decimal], token: str, quote_token: str) -> Decimal | None:
    """Two tokens that are only quotes, as JPY and EUR, meet in a token sold for both."""
    for pair, price in prices.items():
        base, quote = pair.split("-")
        other = prices.get(f"{base}-{quote_token}")
        if quote == token and other is not None:
            return other / price
    return None


def _mid(row: Mapping[str, str]) -> Decimal | None:
    """Half way between bid and ask; None for an empty or crossed book."""
    bid, ask = Decimal(row["bidPrice"]), Decimal(row["askPrice"])
    return (bid + ask) / 2 if 0 < bid <= ask else None
