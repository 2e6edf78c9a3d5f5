"""Funding payments: each is recorded once, and says for which position it was paid where that follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import ClassVar

from contracts.message import Amount, Command
from contracts.trading import FundingPaid
from eventlog.decider import Decider

PLACES = Decimal("1e-8")
"""To what exchanges round a payment."""

_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class RecordFunding(Command):
    """The exchange paid or took funding; never leaves the process. `mark` is the settlement's mark price, `step` the lot."""

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "funding"

    account: str
    connector: str
    trading_pair: str
    exchange_funding_id: str
    amount: Amount
    token: str
    rate: Amount | None
    mark: Amount | None
    step: Amount | None
    time: datetime


def decide(known: bool, command: RecordFunding) -> Sequence[FundingPaid]:
    """The payment, unless it is known."""
    if known:
        return []
    position = None
    if command.rate is not None and command.mark is not None and command.step is not None:
        position = position_amount(command.amount, command.rate, command.mark, command.step)
    return [
        FundingPaid(
            account=command.account,
            connector=command.connector,
            trading_pair=command.trading_pair,
            exchange_funding_id=command.exchange_funding_id,
            amount=command.amount,
            token=command.token,
            rate=command.rate,
            position_amount=position,
            time=command.time,
        )
    ]


def position_amount(amount: Decimal, rate: Decimal, mark: Decimal, step: Decimal) -> Decimal | None:
    """The position, in whole lots, that `amount` was paid for: `amount = -position * mark * rate`, rounded to PLACES.

    Formula: Binance, "Introduction to Binance Futures Funding Rates". None where no whole number of lots gives the amount.
    """
    value = _CONTEXT.multiply(mark, rate)
    if not value or not step:
        return None
    lots = _CONTEXT.divide(-amount, _CONTEXT.multiply(value, step)).to_integral_value(ROUND_HALF_EVEN)
    position = _CONTEXT.multiply(lots, step)
    explained = _CONTEXT.multiply(-position, value)
    return position if position and abs(explained - amount) <= PLACES else None


FUNDING: Decider[bool, RecordFunding, FundingPaid] = Decider(initial=False, decide=decide, evolve=lambda _state, _event: True)
