"""What the exchanges' rate limits refuse."""

from __future__ import annotations

from contracts.rejections import Kind, Rejection


class OrderRateExceeded(Rejection):
    """The exchange's rate limit has no place for another order soon. Nothing was stored or sent."""

    kind = Kind.RATE_EXCEEDED
