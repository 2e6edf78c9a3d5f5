"""The engine's rate oracle, kept at our rates while executors need them.

An executor on two markets converts between their quote tokens, and reckons what trading costs in the base token.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

from contracts.rejections import Unavailable
from contracts.trading import Market

from trading.adapters.rates import EngineRates

logger = logging.getLogger(__name__)

RENEW_SECONDS = 10.0


class Conversions:
    """Sets the oracle's prices. One that cannot be renewed is taken away: an old rate is worse than none."""

    def __init__(self, rates: EngineRates) -> None:
        self._rates = rates
        self._users: Counter[tuple[str, str]] = Counter()
        self._renewing: asyncio.Task[None] | None = None

    async def follow(self, markets: Iterable[Market]) -> None:
        """Return when the rates that trading between these markets takes are set. Unavailable when there are none."""
        pairs = _conversions(markets)
        for pair in pairs:
            await self._renew(pair)
        self._users.update(pairs)
        if self._users and self._renewing is None:
            self._renewing = asyncio.create_task(self._keep(), name="conversions")

    async def leave(self, markets: Iterable[Market]) -> None:
        """The rates are needed by one less."""
        self._users.subtract(_conversions(markets))
        self._users = +self._users
        if not self._users:
            await self.stop()

    async def stop(self) -> None:
        """Renew no more."""
        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = None

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            for pair in list(self._users):
                try:
                    await self._renew(pair)
                except Unavailable as error:
                    logger.warning("no rate: %s", error.detail)
                    _oracle()._prices.pop("-".join(pair), None)

    async def _renew(self, pair: tuple[str, str]) -> None:
        token, quote = pair
        found = (await self._rates.rates([token], quote))[token]
        if found is None:
            raise Unavailable(f"No rate of {token} in {quote} is known", retry_after=5)
        _oracle().set_price(f"{token}-{quote}", found)


def _conversions(markets: Iterable[Market]) -> list[tuple[str, str]]:
    """Both directions between each two quote tokens, and each base in its quote token; none for one market alone."""
    tokens = [tuple(market.trading_pair.split("-", 1)) for market in markets]
    if len(tokens) < 2:
        return []
    quotes = dict.fromkeys(quote for _, quote in tokens)
    between = [(token, quote) for token in quotes for quote in quotes if token != quote]
    return list(dict.fromkeys([*between, *((base, quote) for base, quote in tokens)]))


def _oracle() -> Any:
    return importlib.import_module("hummingbot.core.rate_oracle.rate_oracle").RateOracle.get_instance()
