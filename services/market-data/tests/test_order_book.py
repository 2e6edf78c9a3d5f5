"""Order-book queries against brute force: the book cut into small pieces that are taken one by one."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from market_data.domain.order_book import Level, Taken, taken_quote, taken_to, taken_volume

prices = st.lists(st.integers(1, 400), min_size=1, max_size=8, unique=True)
amounts = st.integers(1, 50)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Level], bool]:
    """Levels best first, and whether they are asks."""
    is_buy = draw(st.booleans())
    chosen = sorted(draw(prices), reverse=not is_buy)
    return [(Decimal(price) / 4, Decimal(draw(amounts)) / 10) for price in chosen], is_buy


def pieces(levels: list[Level]) -> list[Decimal]:
    """The price of each tenth of a token, in the order a taker gets them."""
    return [price for price, amount in levels for _ in range(int(amount * 10))]


@given(books(), st.integers(1, 400))
def test_a_volume_is_taken_from_the_best_level_on(book: tuple[list[Level], bool], tenths: int) -> None:
    levels, _ = book
    offered = pieces(levels)
    got = offered[:tenths]
    found = taken_volume(levels, Decimal(tenths) / 10)
    assert found.whole == (len(offered) >= tenths)
    assert found.volume == Decimal(len(got)) / 10
    assert found.quote_volume == sum(got) / 10
    assert found.price == got[-1]
    assert found.average is not None
    assert abs(found.average - sum(got, Decimal(0)) / len(got)) < Decimal("1e-12")
    assert found.impact is not None
    assert abs(found.impact - abs(found.average / got[0] - 1) * 100) < Decimal("1e-9")


@given(books(), st.integers(1, 400))
def test_what_is_offered_at_a_price_or_better(book: tuple[list[Level], bool], quarter: int) -> None:
    levels, is_buy = book
    limit = Decimal(quarter) / 4
    good = [price for price in pieces(levels) if (price <= limit if is_buy else price >= limit)]
    found = taken_to(levels, limit, is_buy=is_buy)
    assert found.volume == Decimal(len(good)) / 10
    assert found.quote_volume == sum(good) / 10
    assert found.price == (good[-1] if good else None)
    assert found.whole == bool(good)


@given(books(), st.integers(1, 3000))
def test_a_quote_volume_buys_what_it_pays_for(book: tuple[list[Level], bool], tenths: int) -> None:
    levels, _ = book
    wanted = Decimal(tenths) / 10
    costs = [price / 10 for price in pieces(levels)]
    found = taken_quote(levels, wanted)
    assert found.whole == (sum(costs) >= wanted)
    assert found.quote_volume == min(wanted, sum(costs, Decimal(0)))
    paid, last = Decimal(0), None
    for price, cost in zip(pieces(levels), costs, strict=True):
        if paid >= wanted:
            break
        paid, last = paid + cost, price
    assert found.price == last
    check = taken_volume(levels, found.volume)
    assert abs(check.quote_volume - found.quote_volume) < Decimal("1e-9")


def test_an_empty_side_gives_nothing() -> None:
    for found in (taken_volume([], Decimal(1)), taken_quote([], Decimal(1)), taken_to([], Decimal(1), is_buy=True)):
        assert found == Taken(whole=False)
