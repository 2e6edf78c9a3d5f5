"""What an executor has still to be told about its orders: the order as its events show it, less what was told before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import cast

from contracts.message import Event
from contracts.trading import (
    ExecutorFill,
    OrderEvent,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderStatus,
    Side,
)
from pydantic import JsonValue

from trading.domain import money
from trading.domain.order import ORDER
from trading.domain.order_state import Order


@dataclass(frozen=True, slots=True)
class Picture:
    """An order of an executor: its intent, what the exchange said, and its executions, oldest first."""

    placed: OrderPlaced
    placed_at: datetime
    state: Order
    fills: tuple[OrderFilled, ...] = ()
    reason: str = ""


class Role(StrEnum):
    """What an order is to its executor.

    ASKED: its class asked for it. OURS: placed to close what was left; the class does not know it. FAILED: the class was told
    that it does not exist. RISEN: it exists all the same; it is taken off the book and what it executed is undone.
    """

    ASKED = "asked"
    OURS = "ours"
    FAILED = "failed"
    RISEN = "risen"


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of an order the executor was told. `fills`: how many executions."""

    created: bool = False
    fills: int = 0
    role: Role = Role.ASKED

    def encoded(self) -> dict[str, JsonValue]:
        """For the event."""
        told: dict[str, JsonValue] = {"created": self.created, "fills": self.fills}
        return told if self.role is Role.ASKED else {**told, "role": self.role.value}

    @staticmethod
    def decoded(kept: Mapping[str, JsonValue]) -> Seen:
        """From the event."""
        fills = kept.get("fills", 0)
        role = Role(str(kept.get("role", Role.ASKED.value)))
        return Seen(created=kept.get("created") is True, fills=fills if isinstance(fills, int) else 0, role=role)


class News(StrEnum):
    """What an executor is told about an order. The last three end it."""

    CREATED = "created"
    FILLED = "filled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {News.COMPLETED, News.CANCELLED, News.FAILED}


def picture(events: Iterable[tuple[Event, datetime]]) -> Picture | None:
    """An order's events with their times as a picture; None when it was never placed here."""
    found: Picture | None = None
    for event, time in events:
        if isinstance(event, OrderPlaced):
            found = Picture(event, time, ORDER.fold(ORDER.initial, [event]))
        elif found is not None:
            # An order's stream holds its own events only.
            found = _developed(found, cast("OrderEvent", event))
    return found


def _developed(found: Picture, event: OrderEvent) -> Picture:
    fills = (*found.fills, event) if isinstance(event, OrderFilled) else found.fills
    reason = event.reason if isinstance(event, OrderRejected) else found.reason
    return replace(found, state=ORDER.evolve(found.state, event), fills=fills, reason=reason)


def news(order: Picture | None, seen: Seen) -> list[tuple[News, OrderFilled | None]]:
    """What to tell next, in order. None for the order: its intent was never stored, so it never left; it failed."""
    if order is None:
        return [(News.FAILED, None)]
    told: list[tuple[News, OrderFilled | None]] = []
    exists = order.state.acknowledged or bool(order.fills)
    if exists and not seen.created:
        told.append((News.CREATED, None))
    told += [(News.FILLED, fill) for fill in order.fills[seen.fills :]]
    match order.state.closed:
        case OrderStatus.FILLED:
            told.append((News.COMPLETED, None))
        case OrderStatus.CANCELLED:
            told.append((News.CANCELLED, None))
        case OrderStatus.FAILED:
            told.append((News.FAILED, None))
        case _:
            pass
    return told


def told_of(order: Picture | None, seen: Seen) -> Seen:
    """What is seen after all `news` were told."""
    if order is None:
        return seen
    return replace(seen, created=seen.created or order.state.acknowledged or bool(order.fills), fills=len(order.fills))


def executed(order: Picture) -> ExecutorFill | None:
    """An order's executions summed up; None when there are none. The fee is in the quote token.

    A fee in the base token counts at the execution's price; one in a third token counts once it is `converted`.
    """
    if not order.fills:
        return None
    base, quote = order.placed.trading_pair.split("-", 1)
    fee = Decimal(0)
    for fill in order.fills:
        if fill.fee_token == quote:
            fee = money.add(fee, fill.fee)
        elif fill.fee_token == base:
            fee = money.add(fee, money.product(fill.fee, fill.price))
    return ExecutorFill(
        order_id=order.placed.order_id,
        connector=order.placed.connector,
        trading_pair=order.placed.trading_pair,
        side=order.placed.side,
        amount=order.state.filled_amount,
        quote=order.state.filled_quote,
        fee=fee,
    )


def foreign(order: Picture) -> list[OrderFilled]:
    """The executions whose fee is in a token that is neither base nor quote."""
    own = {*order.placed.trading_pair.split("-", 1), None}
    return [fill for fill in order.fills if fill.fee and fill.fee_token not in own]


def converted(order: Picture, rates: Mapping[tuple[str, str], Decimal]) -> Picture:
    """The order with fees of third tokens in quote, as far as there are rates, by order and trade."""
    quote, others = order.placed.trading_pair.split("-", 1)[1], foreign(order)
    if not others:
        return order
    known = {fill.trade_id: rates[key] for fill in others if (key := (fill.order_id, fill.trade_id)) in rates}
    fills = tuple(
        fill.model_copy(update={"fee": money.product(fill.fee, known[fill.trade_id]), "fee_token": quote})
        if fill.trade_id in known
        else fill
        for fill in order.fills
    )
    return replace(order, fills=fills)


def exposure(orders: Iterable[Picture]) -> dict[tuple[str, str], Decimal]:
    """The base amount bought less the amount sold, by connector and trading pair; zeros left out.

    On spot markets fees in base are taken off. A contract's size is not changed by its fee, whatever token that is in.
    """
    net: dict[tuple[str, str], Decimal] = {}
    for order in orders:
        key = (order.placed.connector, order.placed.trading_pair)
        base = lessened_by(order)
        for fill in order.fills:
            amount = fill.amount if fill.side is Side.BUY else -fill.amount
            fee = fill.fee if fill.fee_token == base else Decimal(0)
            net[key] = money.add(net.get(key, Decimal(0)), money.add(amount, -fee))
    return {key: amount for key, amount in net.items() if amount}


def lessened_by(order: Picture) -> str | None:
    """The token whose fees leave less of what was bought: the base token on spot markets, none for contracts."""
    return None if "perpetual" in order.placed.connector else order.placed.trading_pair.split("-", 1)[0]
