"""Which trading pairs an exchange lists, by a connector's map of its symbols.

Exchanges leave out what is halted: a pair that is missing is looked for again, and one that was listed stays known, for orders,
books and events of it still have to be understood.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from engine_kit.asking import asked

AGAIN_SECONDS = 5.0
"""Between two questions of one connector for pairs it does not know."""


class Listing:
    """The pairs of one connector."""

    def __init__(self, connector: Any) -> None:
        """No I/O."""
        self._connector = connector
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")

    async def lists(self, trading_pair: str) -> bool:
        """Whether the exchange lists the pair, or did since the connector was made. Unavailable when it cannot be reached."""
        async with self._asking:
            if not self._connector.trading_pair_symbol_map_ready():
                self._asked_at = time.monotonic()
            symbols = await asked(self._connector.trading_pair_symbol_map())
            if trading_pair not in symbols.inverse and time.monotonic() - self._asked_at >= AGAIN_SECONDS:
                self._asked_at = time.monotonic()
                # The engine logs why when it gets no answer, and keeps the map.
                await asked(self._connector._initialize_trading_pair_symbol_map())
                symbols = remembered(symbols, await asked(self._connector.trading_pair_symbol_map()))
                self._connector._set_trading_pair_symbol_map(symbols)
            return trading_pair in symbols.inverse


def remembered(before: Any, now: Any) -> Any:
    """The symbol map of now, with the pairs of before that it does not have; what changed is as it is now."""
    both = now.copy()
    for symbol, pair in before.items():
        if symbol not in both and pair not in both.inverse:
            both[symbol] = pair
    return both
