"""What a failed call to an exchange proves: that nothing was done, or nothing at all."""

from __future__ import annotations

from engine_kit.answer import read
from engine_kit.permit import NotPermitted
from engine_kit.venue import Attempt, VenueClosed

from trading.adapters.exchange import Refused, Unproven

SPOT_UNPROVEN_CODES = frozenset({-1000, -1001, -1006, -1007, -1008, -1016})
"""Binance's codes after which an order may exist: unknown error, internal error, unexpected response, time-out, overload."""

DUPLICATE = "Duplicate order sent"
"""Binance's proof of the opposite: an order with this client id is on the book."""


def judged(error: BaseException, attempt: Attempt, *, rest_only: bool) -> Refused | Unproven:
    """What a failed submit or cancel proves.

    Refused needs proof: the exchange turned the request away with a status and an own answer, or the request never left
    (`rest_only`: the connector acts through the watched transport and nothing else).
    """
    answer = read(error)
    if isinstance(error, VenueClosed | NotPermitted) or (rest_only and not attempt.acted):
        return Refused(f"nothing was sent: {answer.reason}", answer.evidence)
    if answer.code in SPOT_UNPROVEN_CODES or DUPLICATE in answer.reason or not answer.turned_away:
        return Unproven(answer.reason)
    return Refused(answer.reason, answer.evidence)
