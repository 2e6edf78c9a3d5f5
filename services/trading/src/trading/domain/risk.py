"""The risk guard: which limits hold for an order, and whether it keeps them.

Judged is the worst that may come: every open order that makes a position larger is taken as filled, none that makes it smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, assert_never

from contracts.message import Command, plain_decimal
from contracts.trading import RiskEvent, RiskLimitHit, RiskLimits, RiskLimitsSet, RiskRule, Side
from eventlog.decider import Decider, SnapshotCodec

from trading.domain import money

NONE = RiskLimits()
FIELDS = {
    RiskRule.REDUCE_ONLY: "amount",
    RiskRule.MAX_ORDER_NOTIONAL: "amount",
    RiskRule.MAX_POSITION_NOTIONAL: "amount",
}
"""The field of an order that is to blame; None for the rules that count or sum."""


@dataclass(frozen=True, slots=True)
class Risk:
    """The limits of an account by actor; those of the account itself under None."""

    limits: Mapping[str | None, RiskLimits] = field(default_factory=dict)

    def of(self, actor: str) -> RiskLimits:
        """What binds an order of this actor: of each limit the tighter one."""
        whole, own = self.limits.get(None, NONE), self.limits.get(actor)
        return whole if own is None else tighter(whole, own)

    @property
    def any(self) -> bool:
        """Whether there is any limit at all."""
        return any(limits != NONE for limits in self.limits.values())


class _Internal(Command):
    """Never leaves the process."""

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "risk"


class SetLimits(_Internal):
    """Replace the limits of an account, or of an actor on it."""

    account: str
    actor: str | None
    limits: RiskLimits
    time: datetime


class RecordHit(_Internal):
    """Orders were refused."""

    hit: RiskLimitHit


RiskCommand = SetLimits | RecordHit


def decide(state: Risk, command: RiskCommand) -> Sequence[RiskEvent]:
    """The events of a command; none when the limits are as they were."""
    match command:
        case SetLimits():
            if state.limits.get(command.actor, NONE) == command.limits:
                return []
            return [RiskLimitsSet(account=command.account, actor=command.actor, limits=command.limits, time=command.time)]
        case RecordHit():
            return [command.hit]
        case _:
            assert_never(command)


def evolve(state: Risk, event: RiskEvent) -> Risk:
    """The state after one event."""
    match event:
        case RiskLimitsSet():
            others = {actor: limits for actor, limits in state.limits.items() if actor != event.actor}
            return replace(state, limits=others if event.limits == NONE else {**others, event.actor: event.limits})
        case RiskLimitHit():
            return state
        case _:
            assert_never(event)


def _encode(state: Risk) -> list[Any]:
    return [[actor, limits.model_dump(mode="json")] for actor, limits in state.limits.items()]


def _decode(kept: list[Any]) -> Risk:
    return Risk({actor: RiskLimits.model_validate(limits) for actor, limits in kept})


RISK: Decider[Risk, RiskCommand, RiskEvent] = Decider(
    initial=Risk(), decide=decide, evolve=evolve, snapshots=SnapshotCodec(encode=_encode, decode=_decode)
)


def tighter(left: RiskLimits, right: RiskLimits) -> RiskLimits:
    """Of each limit the one that refuses more."""

    def least[N: (int, Decimal)](one: N | None, other: N | None) -> N | None:
        return one if other is None or (one is not None and one <= other) else other

    return RiskLimits(
        max_order_notional=least(left.max_order_notional, right.max_order_notional),
        max_position_notional=least(left.max_position_notional, right.max_position_notional),
        max_open_orders=least(left.max_open_orders, right.max_open_orders),
        max_orders_per_minute=least(left.max_orders_per_minute, right.max_orders_per_minute),
        max_daily_loss=least(left.max_daily_loss, right.max_daily_loss),
        reduce_only=left.reduce_only or right.reduce_only,
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a session knows when an order comes.

    `position` is the base amount held, below zero for a short; `buying` and `selling` are the amounts that open orders may
    still execute on it. `loss` is the day's realised loss in dollars, below zero for a gain. `derivative`: the position can go
    below zero.
    """

    open_orders: int = 0
    recent_orders: int = 0
    position: Decimal = Decimal(0)
    buying: Decimal = Decimal(0)
    selling: Decimal = Decimal(0)
    loss: Decimal = Decimal(0)
    derivative: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """An order in the guard's terms. `price` is the highest it may execute at in dollars, `worth` the price its position
    counts at; both None where no limit needs them. `closing`: sent to close a position by somebody whose word counts: an
    executor that ends what it began, or anybody for a derivative, where the exchange takes a closing order as nothing else.
    """

    side: Side
    amount: Decimal
    price: Decimal | None = None
    worth: Decimal | None = None
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that an order breaks, and the number that breaks it."""

    rule: RiskRule
    limit: Decimal
    value: Decimal

    @property
    def field(self) -> str | None:
        """The field of the order that is to blame."""
        return FIELDS.get(self.rule)

    def told(self) -> str:
        """For people: the rule and both numbers."""
        limit, value = plain_decimal(self.limit), plain_decimal(self.value)
        match self.rule:
            case RiskRule.REDUCE_ONLY:
                return f"reduce_only is on: amount {value} is more than the {limit} that a position can be reduced by"
            case RiskRule.MAX_ORDER_NOTIONAL:
                return f"a notional of {value} USD is above max_order_notional {limit}"
            case RiskRule.MAX_POSITION_NOTIONAL:
                return f"a position notional of {value} USD, if all open orders fill, is above max_position_notional {limit}"
            case RiskRule.MAX_OPEN_ORDERS:
                return f"{value} open orders would be above max_open_orders {limit}"
            case RiskRule.MAX_ORDERS_PER_MINUTE:
                return f"{value} orders within a minute would be above max_orders_per_minute {limit}"
            case RiskRule.MAX_DAILY_LOSS:
                return f"the realised loss of {value} USD since midnight UTC has reached max_daily_loss {limit}"
            case _:
                assert_never(self.rule)


def reducible(facts: Facts, side: Side) -> Decimal:
    """How much an order of this side can take off the position, behind the open orders that do so already."""
    held, ahead = (facts.position, facts.selling) if side is Side.SELL else (-facts.position, facts.buying)
    return max(Decimal(0), money.add(held, -ahead))


def reduces(facts: Facts, order: Asked) -> bool:
    """Whether the order can only make its position smaller."""
    return order.closing or order.amount <= reducible(facts, order.side)


def checked(limits: RiskLimits, facts: Facts, order: Asked) -> Violation | None:
    """The first limit the order breaks; None when it may go.

    A closing order may always go. One that reduces a position by its size alone is held to the limits on what an order is (its
    notional, how many there are), not to those on what the account has at stake.
    """
    if order.closing:
        return None
    reducing = reduces(facts, order)
    if limits.reduce_only and not reducing:
        return Violation(RiskRule.REDUCE_ONLY, reducible(facts, order.side), order.amount)
    broken = _order_itself(limits, facts, order)
    if broken is None and not reducing:
        broken = _at_stake(limits, facts, order)
    return broken


def _order_itself(limits: RiskLimits, facts: Facts, order: Asked) -> Violation | None:
    if limits.max_order_notional is not None and order.price is not None:
        notional = money.product(order.amount, order.price)
        if notional > limits.max_order_notional:
            return Violation(RiskRule.MAX_ORDER_NOTIONAL, limits.max_order_notional, notional)
    counts = (
        (RiskRule.MAX_OPEN_ORDERS, limits.max_open_orders, facts.open_orders + 1),
        (RiskRule.MAX_ORDERS_PER_MINUTE, limits.max_orders_per_minute, facts.recent_orders + 1),
    )
    for rule, most, value in counts:
        if most is not None and value > most:
            return Violation(rule, Decimal(most), Decimal(value))
    return None


def _at_stake(limits: RiskLimits, facts: Facts, order: Asked) -> Violation | None:
    if limits.max_daily_loss is not None and facts.loss >= limits.max_daily_loss:
        return Violation(RiskRule.MAX_DAILY_LOSS, limits.max_daily_loss, facts.loss)
    if limits.max_position_notional is not None and order.worth is not None:
        held, coming = (facts.position, facts.buying) if order.side is Side.BUY else (-facts.position, facts.selling)
        if order.side is Side.SELL and not facts.derivative:
            # Nobody can sell on a spot exchange what he does not have.
            return None
        notional = money.product(money.total((held, coming, order.amount)), order.worth)
        if notional > limits.max_position_notional:
            return Violation(RiskRule.MAX_POSITION_NOTIONAL, limits.max_position_notional, notional)
    return None
