"""What the risk guard keeps of a session: positions, what open orders may still execute, and the day's realised result."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from contracts.trading import PositionAction, Side

from trading.domain import money

ZERO = Decimal(0)
MINUTE = timedelta(minutes=1)
DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "DAI", "USDP", "USDE"})
"""Tokens that count as one dollar."""


@dataclass(frozen=True, slots=True)
class Venue:
    """How positions are told apart: by base token on a spot exchange, by pair on another, in hedge mode also by side."""

    derivative: bool = False
    hedged: bool = False

    def book(self, trading_pair: str, side: Side, action: PositionAction) -> str:
        """The name of the position that an order changes."""
        if not self.derivative:
            return trading_pair.split("-", 1)[0]
        if not self.hedged:
            return trading_pair
        long = (side is Side.BUY) == (action is PositionAction.OPEN)
        return f"{trading_pair}:{'LONG' if long else 'SHORT'}"


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill, with what its order was to do to a position."""

    order_id: str
    trade_id: str
    trading_pair: str
    side: Side
    action: PositionAction
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_token: str | None
    time: datetime


@dataclass(slots=True)
class Waiting:
    """What an open order may still execute, by position."""

    _orders: dict[str, tuple[str, Side, Decimal]] = field(default_factory=dict)
    _sums: defaultdict[tuple[str, Side], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def put(self, order_id: str, book: str, side: Side, rest: Decimal) -> None:
        """The order is open with this much unexecuted; said again, the newest word counts."""
        self.drop(order_id)
        self._orders[order_id] = (book, side, rest)
        self._sums[book, side] = money.add(self._sums[book, side], rest)

    def drop(self, order_id: str) -> None:
        """The order is not open."""
        known = self._orders.pop(order_id, None)
        if known is not None:
            book, side, rest = known
            left = money.add(self._sums[book, side], -rest)
            if left:
                self._sums[book, side] = left
            else:
                del self._sums[book, side]

    def of(self, book: str, side: Side) -> Decimal:
        """The sum over the open orders of a side."""
        return self._sums.get((book, side), ZERO)

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._orders


@dataclass(slots=True)
class Recent:
    """The orders of the last minute."""

    _times: deque[datetime] = field(default_factory=deque)

    def add(self, time: datetime) -> None:
        """An order was placed; times come in order."""
        self._times.append(time)

    def withdraw(self) -> None:
        """The last one was not placed after all."""
        if self._times:
            self._times.pop()

    def count(self, now: datetime) -> int:
        """How many there are at this moment."""
        while self._times and self._times[0] <= now - MINUTE:
            self._times.popleft()
        return len(self._times)


@dataclass(slots=True)
class Entry:
    """A position as its executions made it: signed amount and the average price of its opening."""

    amount: Decimal = ZERO
    price: Decimal = ZERO


@dataclass(slots=True)
class Results:
    """The realised result of a day (UTC) in each quote token, by average entry price; fees are taken off, funding is added.

    Fees in a token that is neither base nor quote are in `fees`, by token. An execution of an earlier day than the newest one
    changes the position only.
    """

    day: date = date.min
    realised: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    _entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, fill: Execution, position: str) -> None:
        """An execution on the position of this name."""
        day = fill.time.astimezone(UTC).date()
        self.turn(day)
        base, quote = fill.trading_pair.split("-", 1)
        signed = fill.amount if fill.side is Side.BUY else -fill.amount
        earned = _applied(self._entries.setdefault(position, Entry()), signed, fill.price)
        if day != self.day:
            return
        self.realised[quote] = money.add(self.realised[quote], earned)
        if fill.fee_token == base:
            self.realised[quote] = money.add(self.realised[quote], -money.product(fill.fee, fill.price))
        elif fill.fee_token is not None:
            self.realised[fill.fee_token] = money.add(self.realised[fill.fee_token], -fill.fee)

    def pay(self, token: str, amount: Decimal, time: datetime) -> None:
        """Funding was received, or paid where the amount is negative."""
        day = time.astimezone(UTC).date()
        self.turn(day)
        if day == self.day:
            self.realised[token] = money.add(self.realised[token], amount)

    def turn(self, day: date) -> None:
        """It is this day now; a new one begins with nothing realised."""
        if day > self.day:
            self.day = day
            self.realised.clear()

    def loss(self, worth: Mapping[str, Decimal]) -> Decimal:
        """The loss of the day in dollars, below zero for a gain; `worth` prices the tokens that are not dollars.

        A token without a price counts nothing.
        """
        each = (money.product(made, _dollars(token, worth)) for token, made in self.realised.items())
        return -money.total(each)

    def tokens(self) -> frozenset[str]:
        """The tokens besides dollars that something was realised in."""
        return frozenset(self.realised) - DOLLARS


def _dollars(token: str, worth: Mapping[str, Decimal]) -> Decimal:
    return Decimal(1) if token in DOLLARS else worth.get(token, ZERO)


def _applied(entry: Entry, signed: Decimal, price: Decimal) -> Decimal:
    """Change a position by an execution; what the part that closed earned."""
    after = money.add(entry.amount, signed)
    if not entry.amount or (entry.amount > 0) == (signed > 0):
        cost = money.add(money.product(entry.amount, entry.price), money.product(signed, price))
        entry.price = money.average_price(cost, after) or ZERO
        entry.amount = after
        return ZERO
    closed = -signed if abs(signed) <= abs(entry.amount) else entry.amount
    earned = money.product(closed, money.add(price, -entry.price))
    if (after > 0) != (entry.amount > 0):
        entry.price = price
    entry.amount = after
    return earned
