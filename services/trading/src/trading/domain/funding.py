"""Funding payments: each is recorded once, and says for which position it was paid where that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import ClassVar, assert_never

from contracts.message import Amount, Command
from contracts.trading import FundingPaid
from contracts.trading.funding import FundingEvent, FundingShare, FundingShared
from eventlog.decider import Decider

from trading.domain import money

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


class ShareFunding(Command):
    """Whose the payment is; never leaves the process."""

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "funding"

    account: str
    connector: str
    trading_pair: str
    exchange_funding_id: str
    shares: tuple[FundingShare, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment: as it was recorded, and whether it was shared."""

    paid: FundingPaid | None = None
    shared: bool = False


def decide(state: Payment, command: RecordFunding | ShareFunding) -> Sequence[FundingEvent]:
    """The payment, unless it is known; its shares, once."""
    match command:
        case RecordFunding():
            return [] if state.paid is not None else [_paid(command)]
        case ShareFunding():
            return [] if state.paid is None or state.shared else [_shared(state.paid, command)]
        case _:
            assert_never(command)


def evolve(state: Payment, event: FundingEvent) -> Payment:
    """The state after one event."""
    return replace(state, paid=event) if isinstance(event, FundingPaid) else replace(state, shared=True)


def _shared(paid: FundingPaid, command: ShareFunding) -> FundingShared:
    return FundingShared(
        account=command.account,
        connector=command.connector,
        trading_pair=command.trading_pair,
        exchange_funding_id=command.exchange_funding_id,
        shares=command.shares,
        rest=money.add(paid.amount, -money.total(each.amount for each in command.shares)),
        time=command.time,
    )


def _paid(command: RecordFunding) -> FundingPaid:
    position = None
    if command.rate is not None and command.mark is not None and command.step is not None:
        position = position_amount(command.amount, command.rate, command.mark, command.step)
    return FundingPaid(
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


FUNDING: Decider[Payment, RecordFunding | ShareFunding, FundingEvent] = Decider(initial=Payment(), decide=decide, evolve=evolve)
