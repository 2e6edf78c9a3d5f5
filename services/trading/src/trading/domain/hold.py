"""The hold decider: fills that executors kept, each executor's once, until somebody clears them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import ClassVar, assert_never

from contracts.message import Command
from contracts.trading import (
    ExecutorFill,
    HeldPosition,
    HoldEvent,
    PositionHeld,
    PositionHoldCleared,
    PositionHoldUnknown,
    Side,
)
from eventlog.decider import Decider

from trading.domain import money

_NOTHING = (Decimal(0), Decimal(0), Decimal(0))
_PLACES = Decimal("1e-18")
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an executor added: its ends so far, and by order the amount, quote and fee."""

    closing: int = 0
    orders: Mapping[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """`position` is None while nothing is held; `kept` is what each executor ever added, also before a clear, by its id."""

    position: HeldPosition | None = None
    kept: Mapping[str, Kept] = field(default_factory=dict)


class _Internal(Command):
    """Never leaves the process."""

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "hold"

    account: str
    connector: str
    trading_pair: str
    controller_id: str
    time: datetime


class Keep(_Internal):
    """An executor ended, for the `closing`th time, and kept these fills of the hold's market: all that it ever kept there."""

    executor_id: str
    closing: int = 1
    fills: tuple[ExecutorFill, ...]


class Clear(_Internal):
    """Forget what is held. Refused: PositionHoldUnknown."""


HoldCommand = Keep | Clear


def decide(state: Hold, command: HoldCommand) -> Sequence[HoldEvent]:
    """The events of a command; none for an end of an executor that was added before. Raises PositionHoldUnknown."""
    match command:
        case Keep():
            before = state.kept.get(command.executor_id, Kept())
            return [] if command.closing <= before.closing else [_held(state, command, before)]
        case Clear():
            if state.position is None:
                raise PositionHoldUnknown(nothing_held(command.controller_id, command.connector, command.trading_pair))
            cleared = PositionHoldCleared(
                account=command.account,
                connector=command.connector,
                trading_pair=command.trading_pair,
                controller_id=command.controller_id,
                time=command.time,
            )
            return [cleared]
        case _:
            assert_never(command)


def evolve(state: Hold, event: HoldEvent) -> Hold:
    """The state after one event."""
    match event:
        case PositionHeld():
            kept = {**state.kept, event.executor_id: _more(state.kept.get(event.executor_id, Kept()), event)}
            return Hold(event.position, kept)
        case PositionHoldCleared():
            return replace(state, position=None)
        case _:
            assert_never(event)


def added(before: HeldPosition, fills: Iterable[ExecutorFill]) -> HeldPosition:
    """The hold with more fills: what buys and sells match is settled at their average prices, the rest stays open.

    Exact but for the share of a side that is matched in part: it is rounded to 18 places, and the remainder keeps the
    difference, so that bought and sold always add up.
    """
    done = list(fills)
    bought, bought_for = _sums(done, Side.BUY)
    sold, sold_for = _sums(done, Side.SELL)
    is_long = before.open_base > 0
    long, long_quote = (before.open_base, before.open_quote) if is_long else (Decimal(0), Decimal(0))
    short, short_quote = (Decimal(0), Decimal(0)) if is_long else (-before.open_base, before.open_quote)
    long, long_quote = money.add(long, bought), money.add(long_quote, bought_for)
    short, short_quote = money.add(short, sold), money.add(short_quote, sold_for)
    matched = min(long, short)
    cost, proceeds = _share(long, long_quote, matched), _share(short, short_quote, matched)
    rest = money.add(long_quote, -cost) if long > short else money.add(short_quote, -proceeds)
    return HeldPosition(
        buy_amount_base=money.add(before.buy_amount_base, bought),
        buy_amount_quote=money.add(before.buy_amount_quote, bought_for),
        sell_amount_base=money.add(before.sell_amount_base, sold),
        sell_amount_quote=money.add(before.sell_amount_quote, sold_for),
        matched_amount_base=money.add(before.matched_amount_base, matched),
        open_base=money.add(long, -short),
        open_quote=rest,
        realized_pnl_quote=money.total((before.realized_pnl_quote, proceeds, -cost)),
        cum_fees_quote=money.total((before.cum_fees_quote, *(each.fee for each in done))),
    )


def nothing_held(controller_id: str, connector: str, trading_pair: str) -> str:
    """What a refusal says."""
    return f"No position of controller '{controller_id}' is held on {trading_pair} at {connector}"


def _more(before: Kept, event: PositionHeld) -> Kept:
    orders = dict(before.orders)
    for fill in event.fills:
        amount, quote, fee = orders.get(fill.order_id, _NOTHING)
        orders[fill.order_id] = (money.add(amount, fill.amount), money.add(quote, fill.quote), money.add(fee, fill.fee))
    return Kept(event.closing, orders)


def _new(before: Kept, fills: Iterable[ExecutorFill]) -> Iterator[ExecutorFill]:
    """What the executor's earlier ends had not added."""
    for fill in fills:
        amount, quote, fee = before.orders.get(fill.order_id, _NOTHING)
        rest = {
            "amount": money.add(fill.amount, -amount),
            "quote": money.add(fill.quote, -quote),
            "fee": money.add(fill.fee, -fee),
        }
        if any(rest.values()):
            yield fill.model_copy(update=rest)


def _held(state: Hold, command: Keep, before: Kept) -> PositionHeld:
    fills = tuple(_new(before, command.fills))
    return PositionHeld(
        account=command.account,
        connector=command.connector,
        trading_pair=command.trading_pair,
        controller_id=command.controller_id,
        executor_id=command.executor_id,
        fills=fills,
        closing=command.closing,
        position=added(state.position or HeldPosition(), fills),
        time=command.time,
    )


def _sums(fills: Iterable[ExecutorFill], side: Side) -> tuple[Decimal, Decimal]:
    of_side = [each for each in fills if each.side is side]
    return money.total(each.amount for each in of_side), money.total(each.quote for each in of_side)


def _share(amount: Decimal, quote: Decimal, matched: Decimal) -> Decimal:
    if matched == amount:
        return quote
    price = money.average_price(quote, amount) or Decimal(0)
    return money.product(matched, price).quantize(_PLACES, context=_ROUNDING)


HOLD: Decider[Hold, HoldCommand, HoldEvent] = Decider(initial=Hold(), decide=decide, evolve=evolve)
