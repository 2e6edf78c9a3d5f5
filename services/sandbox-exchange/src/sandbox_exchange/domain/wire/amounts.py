"""Amounts as the wire writes them: plain decimals with at least eight places, and never rounded."""

from __future__ import annotations

from decimal import Decimal


def amount(value: Decimal) -> str:
    """`1` as `1.00000000`; more than eight places stay as they are, so the text is always exact."""
    whole, _, places = format(value, "f").partition(".")
    return f"{whole}.{places.rstrip('0').ljust(8, '0')}"
