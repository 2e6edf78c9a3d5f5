"""Rates equal an independent computation that tries every route, in fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from engine_kit.rates import TickerPool
from hypothesis import given
from hypothesis import strategies as st

TOKENS = ("BTC", "ETH", "USDT", "USD", "EUR", "TRY", "DOGE")
PRICES = st.decimals("0.00000001", "1000000", places=8)
POOLS = st.dictionaries(st.sampled_from([f"{one}-{other}" for one, other in permutations(TOKENS, 2)]), PRICES, max_size=16)


def expected(prices: dict[str, Decimal], token: str, quote: str) -> Fraction | None:
    """By going along every edge: the edges of both directions as a list, and all walks of one or two of them."""
    edges = [(*pair.split("-"), Fraction(price), True) for pair, price in prices.items()]
    edges += [(quote, base, 1 / price, False) for base, quote, price, _ in edges]

    def walk(start: str, end: str) -> Fraction | None:
        if start == end:
            return Fraction(1)
        straight = [(not direct, value) for one, other, value, direct in edges if (one, other) == (start, end)]
        if straight:
            return min(straight)[1]
        popular: dict[str, set[str]] = {token: {other for one, other, _, _ in edges if one == token} for token in TOKENS}
        routes = []
        for one, middle, first, direct in edges:
            for other, last, second, straight_on in edges:
                if one == start and middle == other and last == end:
                    routes.append((-len(popular[middle]), middle, not direct, not straight_on, first * second))
        return min(routes)[-1] if routes else None

    found = walk(token, quote)
    if found is None and "USD" in (token, quote):
        found = walk(*("USDT" if each == "USD" else each for each in (token, quote)))
    return found


@given(POOLS, st.sampled_from(TOKENS), st.sampled_from(TOKENS))
def test_rates_equal_a_reference_computation(prices: dict[str, Decimal], token: str, quote: str) -> None:
    found, wanted = TickerPool(prices).rate(token, quote), expected(prices, token, quote)
    if wanted is None:
        assert found is None
        return
    assert found is not None
    # Decimal keeps 28 digits; each of at most three operations rounds once.
    assert abs(Fraction(found) - wanted) <= wanted * Fraction(1, 10**26)


@given(POOLS, st.sampled_from(TOKENS), st.sampled_from(TOKENS))
def test_there_is_a_rate_exactly_when_there_is_one_back(prices: dict[str, Decimal], token: str, quote: str) -> None:
    pool = TickerPool(prices)
    there, back = pool.rate(token, quote), pool.rate(quote, token)
    assert (there is None) == (back is None)


@pytest.mark.parametrize("token", ["", "a-b", "BTC USDT", "NOTHING"])
def test_what_is_no_token_of_the_pool_has_no_rate(token: str) -> None:
    pool = TickerPool({"BTC-USDT": Decimal(50000)})
    assert pool.rate(token, "USDT") is None
    assert pool.rate("USDT", token) is None


def test_prices_that_are_none_and_pairs_that_are_none_are_left_out() -> None:
    prices = {"BTC-USDT": Decimal("NaN"), "ETH-USDT": Decimal(0), "BTCUSDT": Decimal(1), "A-B-C": Decimal(1), "A-A": Decimal(2)}
    assert TickerPool(prices).prices == {}


def test_why_there_is_no_rate() -> None:
    pool = TickerPool({"BTC-USDT": Decimal(50000), "AAA-BBB": Decimal(1)})
    assert pool.missing("NOTHING", "USDT") == "no known pair trades NOTHING"
    assert "no token that both are traded against" in pool.missing("BTC", "AAA")
