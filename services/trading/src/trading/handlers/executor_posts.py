"""Where executors send their orders: the desk of a session held here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.message import Metadata
from contracts.rejections import Rejection, Unavailable
from contracts.trading import CancelOrder, CancelRequested, Market, OrderAccepted, PlaceOrder

from trading.handlers.exchange import ExchangeSession
from trading.handlers.live import Live

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0


class Desk(Protocol):
    """Where a session takes orders."""

    async def place(self, command: PlaceOrder, metadata: Metadata) -> OrderAccepted:
        """Store the intent and send it."""
        ...

    async def cancel(self, command: CancelOrder, metadata: Metadata) -> CancelRequested:
        """Store the wish and send it."""
        ...

    async def read_executions(self, order_id: str) -> None:
        """Return when all executions of an order that left the book are recorded. Unavailable while they are not."""


@dataclass(frozen=True, slots=True)
class Post:
    """Where an executor's orders go: the session, and its desk."""

    live: Live
    desk: Desk

    async def served(self, ask: Callable[[Desk], Awaitable[Any]], given_up: asyncio.Event | None = None) -> bool:
        """Whether the desk took it, however long that takes; False when the session ended or it was given up before.

        Raises the rejections that time does not heal.
        """
        given_up = given_up or asyncio.Event()
        while self.live.held() and not given_up.is_set():
            try:
                await ask(self.desk)
            except Unavailable as error:
                logger.info("the desk of %s does not answer: %s", self.live.connector, error.detail)
                pause = AGAIN_SECONDS
            except Rejection as refused:
                if refused.retry_after is None:
                    raise
                pause = refused.retry_after
            else:
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(given_up.wait(), pause)
        return False


async def listed(exchange: ExchangeSession, market: Market) -> None:
    """Have the rules of a market's pair. Unavailable while the exchange does not list it, as while it is halted."""
    if market.trading_pair not in exchange.trading_rules:
        await exchange.reread_rules()
    if market.trading_pair not in exchange.trading_rules:
        msg = f"'{market.connector}' does not list {market.trading_pair} now"
        raise Unavailable(msg, retry_after=5)
