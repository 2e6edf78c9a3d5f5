"""Prices of tokens in the quote token: asked for at most every few seconds, remembered for when nobody can tell."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Protocol

from contracts.message import Metadata, utc_now
from contracts.rejections import Unavailable
from eventlog.log import EventLog

from accounts.domain.portfolio import QUOTE_TOKEN
from accounts.views.prices import last_prices, save_prices

logger = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 0.5


class Rates(Protocol):
    """Who knows rates."""

    async def rates(self, tokens: Sequence[str], quote_token: str, metadata: Metadata) -> Mapping[str, Decimal | None]:
        """The price of each token, None where there is none. Raises Unavailable."""
        ...


class Prices:
    """The last known prices. A price that cannot be had anew stays what it was; one never known is left out."""

    def __init__(
        self,
        log: EventLog,
        rates: Rates,
        *,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._log = log
        self._rates = rates
        self._clock = clock
        self._monotonic = monotonic
        self._patience = patience
        self._known: dict[str, Decimal] | None = None
        self._asked: dict[str, float] = {}
        self._reading: asyncio.Task[None] | None = None

    async def of(self, tokens: Sequence[str], metadata: Metadata) -> Mapping[str, Decimal]:
        """Prices of at least these tokens, none older than five seconds where the exchanges answer in time."""
        if self._known is None:
            self._known = await last_prices(self._log)
        while stale := self._stale(tokens):
            if self._reading is None:
                self._reading = asyncio.create_task(self._read(stale, self._known, metadata))
            # Whoever has something to show does not wait long for something newer; the reading goes on for the next one.
            first = any(token not in self._known and token not in self._asked for token in stale)
            done, _ = await asyncio.wait({self._reading}, timeout=None if first else self._patience)
            if not done:
                break
            done.pop().result()
        return self._known

    def fresh_for(self, tokens: Sequence[str]) -> float:
        """Seconds for which the prices of these tokens, as they are known now, are new enough; infinite without tokens."""
        now = self._monotonic()
        return min((self._asked.get(token, 0.0) + FRESH_SECONDS - now for token in tokens), default=inf)

    def _stale(self, tokens: Sequence[str]) -> list[str]:
        since = self._monotonic() - FRESH_SECONDS
        return [token for token in tokens if self._asked.get(token, since) <= since]

    async def _read(self, tokens: Sequence[str], known: dict[str, Decimal], metadata: Metadata) -> None:
        try:
            rates = await self._rates.rates(tokens, QUOTE_TOKEN, metadata)
            prices = {token: price for token, price in rates.items() if price is not None}
            changed = {token: price for token, price in prices.items() if known.get(token) != price}
            known.update(prices)
            if changed:
                await save_prices(self._log, changed, self._clock())
        except Unavailable as error:
            logger.warning("no rates, the last known count: %s", error.detail)
        finally:
            self._asked.update(dict.fromkeys(tokens, self._monotonic()))
            self._reading = None
