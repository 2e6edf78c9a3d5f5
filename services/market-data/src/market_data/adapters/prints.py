"""Trades as an exchange's stream tells them, gathered until they are taken."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.message import plain_decimal

MOST = 1000
"""Trades kept until they are taken; older ones are lost and counted."""


class Prints:
    """Listens to an order book of the engine, and to the one that takes its place when it is made anew."""

    def __init__(self, book: Callable[[], Any]) -> None:
        """`book` gives the live book, or raises Unavailable."""
        events = importlib.import_module("hummingbot.core.event.events")
        self._tag, self._buy = events.OrderBookEvent.TradeEvent, _buy_side()
        # The engine keeps only weak references to listeners.
        self._listener = importlib.import_module("hummingbot.core.event.event_forwarder").EventForwarder(self._heard)
        self._find = book
        self._book: Any = None
        self._gathered: list[str] = []
        self._total = 0

    def take(self) -> tuple[list[str], int]:
        """Trades as the contract's JSON since the last time, oldest first, and how many there were in all.

        Raises Unavailable while the book is not to be served; what is gathered meanwhile is taken later.
        """
        book = self._find()
        if book is not self._book:
            self.close()
            book.add_listener(self._tag, self._listener)
            self._book = book
        gathered, self._gathered = self._gathered, []
        return gathered[-MOST:], self._total

    def close(self) -> None:
        """Listen no more."""
        if self._book is not None:
            self._book.remove_listener(self._tag, self._listener)
        self._book = None

    def _heard(self, trade: Any) -> None:
        side = "buy" if trade.type is self._buy else "sell"
        price, amount = plain_decimal(Decimal(repr(trade.price))), plain_decimal(Decimal(repr(trade.amount)))
        self._gathered.append(f'{{"timestamp":{float(trade.timestamp)},"price":{price},"amount":{amount},"side":"{side}"}}')
        self._total += 1
        if len(self._gathered) > 2 * MOST:
            del self._gathered[:MOST]


def _buy_side() -> Any:
    return importlib.import_module("hummingbot.core.data_type.common").TradeType.BUY
