"""Times of the REST contract: Unix seconds or milliseconds, whichever a client sends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

SECONDS_BELOW = Decimal(10**11)
"""Smaller numbers are seconds (up to the year 5138), others milliseconds (from 1973)."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_SECOND = Decimal(253_402_300_799)
LATEST_MILLISECOND = 253_402_300_799_000

TEXT = re.compile(r"[0-9]{1,14}(\.[0-9]{1,9})?")
"""A time written as text."""


def instant(value: Decimal) -> datetime:
    """The UTC time of a Unix time in seconds or milliseconds; ValueError when negative, not finite or after the year 9999."""
    if not value.is_finite() or value < 0:
        msg = "a time is a Unix time in seconds or milliseconds, not negative"
        raise ValueError(msg)
    seconds = value if value < SECONDS_BELOW else value / 1000
    if seconds > LATEST_SECOND:
        msg = "a time is not after the year 9999"
        raise ValueError(msg)
    return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
