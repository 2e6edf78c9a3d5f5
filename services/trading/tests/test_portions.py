"""Orders that are too large for the exchange are divided, exactly."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from trading.domain.portions import portions

STEP = Decimal("0.001")


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_parts_add_up_and_none_is_too_large(lots: int, most: int) -> None:
    lots = min(lots, most * 50)
    amount, largest = lots * STEP, most * STEP
    parts = portions(amount, largest, STEP)
    assert sum(parts) == amount
    assert all(0 < part <= largest and part % STEP == 0 for part in parts)
    assert len(parts) == -(-lots // most)


@given(st.integers(2, 50), st.integers(100, 10**6))
def test_no_part_is_left_too_small_to_be_an_order(count: int, most: int) -> None:
    parts = portions((count * most - most + 1) * STEP, most * STEP, STEP)
    assert min(parts) >= most * STEP / 2 - count * STEP


def test_what_fits_is_one_order() -> None:
    for most in (None, Decimal(5), Decimal(0)):
        assert portions(Decimal(5), most, STEP) == [5]
