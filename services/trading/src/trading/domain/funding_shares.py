"""Whose a funding payment is: shared among those whose executions held the position it was paid for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from contracts.trading.funding import FundingShare

from trading.domain import money

PLACES = Decimal("1e-18")
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who held something at a moment: an executor, or, without `executor_id`, the position hold of a controller.

    `position` is base, above zero bought and below zero sold, from its own executions up to that moment.
    """

    executor_id: str | None
    controller_id: str
    position: Decimal


def shared(amount: Decimal, position: Decimal | None, owners: Iterable[Owner], *, hedged: bool) -> tuple[FundingShare, ...]:
    """What of a payment belongs to whom; the rest is nobody's but the account's.

    A payment is proportional to its position, so each owner's share is `amount * own position / position`: what the exchange
    would have charged it alone. Who is on the other side of a net position has a share of the other sign; where both sides are
    paid apart (`hedged`), only those on the payment's side share it. Without the position nothing can be shared. Shares are
    rounded to PLACES; when the owners held the whole position, the largest has the difference, so that they sum to the payment.
    """
    if not position:
        return ()
    own = [each for each in owners if each.position and not (hedged and (each.position > 0) is not (position > 0))]
    parts = {each: _part(amount, each.position, position) for each in own}
    if own and money.total(each.position for each in own) == position:
        largest = max(own, key=lambda each: (abs(each.position), each.executor_id or "", each.controller_id))
        parts[largest] = money.add(amount, -money.total(part for each, part in parts.items() if each != largest))
    return tuple(
        FundingShare(executor_id=each.executor_id, controller_id=each.controller_id, position_amount=each.position, amount=part)
        for each, part in parts.items()
    )


def _part(amount: Decimal, own: Decimal, position: Decimal) -> Decimal:
    return _ROUNDING.divide(money.product(amount, own), position).quantize(PLACES, context=_ROUNDING)
