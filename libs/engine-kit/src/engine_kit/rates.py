"""Rates between tokens out of the prices of trading pairs: direct, inverse, or over one token in between.

A rate is a token's price in another one. A route over a token in between has two legs, each direct or inverse. Where there
are several routes, the token that most pairs of the pool are made of is gone over (it is the one most is traded against); of
equals the first by name. USD is read as USDT where the pool has no pair of USD itself: exchanges quote against USDT.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from contracts.message import TOKEN

ONE = Decimal(1)
SAME_AS = {"USD": "USDT"}
"""Tokens taken for another one."""


class TickerPool:
    """The prices of trading pairs (`BASE-QUOTE`), all above zero; others are left out. Numbers are exact to 28 digits."""

    def __init__(self, prices: Mapping[str, Decimal]) -> None:
        """Reads every pair once; a rate is then looked up."""
        self.prices = {pair: price for pair, price in prices.items() if price.is_finite() and price > 0 and _tokens(pair)}
        self._beside: dict[str, set[str]] = {}
        for base, quote in (pair.split("-") for pair in self.prices):
            self._beside.setdefault(base, set()).add(quote)
            self._beside.setdefault(quote, set()).add(base)

    def rate(self, token: str, quote_token: str) -> Decimal | None:
        """The price of `token` in `quote_token`; None when no route is known or one is no token."""
        if not all(TOKEN.fullmatch(each) and "-" not in each for each in (token, quote_token)):
            return None
        found = self._found(token, quote_token)
        if found is None:
            same = SAME_AS.get(token, token), SAME_AS.get(quote_token, quote_token)
            found = self._found(*same) if same != (token, quote_token) else None
        return found

    def missing(self, token: str, quote_token: str) -> str:
        """Why there is no rate, for people."""
        unknown = [each for each in (token, quote_token) if SAME_AS.get(each, each) not in self._beside]
        if unknown:
            return f"no known pair trades {' or '.join(unknown)}"
        return f"no pair of {token} and {quote_token} is known, and no token that both are traded against"

    def _found(self, token: str, quote_token: str) -> Decimal | None:
        if token == quote_token:
            return ONE
        step = self._step(token, quote_token)
        if step is not None:
            return step
        between = self._beside.get(token, set()) & self._beside.get(quote_token, set())
        if not between:
            return None
        over = min(between, key=lambda each: (-len(self._beside[each]), each))
        first, second = self._step(token, over), self._step(over, quote_token)
        return None if first is None or second is None else first * second

    def _step(self, token: str, quote_token: str) -> Decimal | None:
        price = self.prices.get(f"{token}-{quote_token}")
        if price is not None:
            return price
        back = self.prices.get(f"{quote_token}-{token}")
        return None if back is None else ONE / back


def _tokens(pair: str) -> bool:
    """Whether a pair is two different tokens."""
    base, dash, quote = pair.partition("-")
    return bool(base and dash and quote and "-" not in quote and base != quote)
