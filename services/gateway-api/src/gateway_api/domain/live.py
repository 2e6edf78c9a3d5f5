"""Copies of live feeds, as updates make them. A state never changes; texts made of it are made once for all readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from contracts.market_feeds import BookUpdated, CandlesUpdated, Level, PriceUpdated, TradesUpdated
from contracts.message import Update

from gateway_api.domain.watched import Tail

UNKNOWN = -1

MOST_TRADES = 1000
"""Trades kept for readers that fall behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What all states have: when it was looked at, Unix seconds, and what was made of it."""

    at: Decimal
    _made: dict[object, Any] = field(default_factory=dict, compare=False)

    def once[T](self, key: object, make: Callable[[], T]) -> T:
        """What `make` gives for this key, made when it is asked for first."""
        made: T | None = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(_State):
    """The best levels of both sides, as many as `rows` of each."""

    rows: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def has(self, rows: int) -> bool:
        """Whether it holds so many levels of each side, or all there are."""
        return rows <= self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles(_State):
    """The newest `rows` candles: when each opens, and its JSON, oldest first. `window` changes with any but the newest one."""

    rows: int
    window: int
    candles: dict[int, str]

    def has(self, rows: int) -> bool:
        """Whether it holds so many candles, or all there are."""
        return rows <= self.rows

    def newest(self, rows: int) -> list[str]:
        """The JSON of the newest ones."""
        return list(self.candles.values())[-rows:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades(_State):
    """The newest trades; `total` of their teller counts also those of before."""

    tail: Tail
    total: int

    def has(self, rows: int) -> bool:
        """There is nothing to lack."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(_State):
    """The last traded price."""

    price: Decimal

    def has(self, rows: int) -> bool:
        """There is nothing to lack."""
        return True


type State = Book | Candles | Trades | Price


def anew(state: State | None) -> State | None:
    """The state when another teller takes over: it counts trades from its own beginning."""
    return replace(state, total=UNKNOWN) if isinstance(state, Trades) else state


class Missed(Exception):
    """Updates before this one are missing, so it says too little: the whole state has to be asked for."""


def followed(state: State | None, update: Update) -> State:
    """The state after an update. Raises Missed."""
    match update:
        case BookUpdated():
            return Book(at=_at(update), rows=update.rows, bids=update.bids, asks=update.asks)
        case CandlesUpdated():
            return _candles(state, update)
        case TradesUpdated():
            return _trades(state, update)
        case PriceUpdated(price=Decimal() as price):
            return Price(at=_at(update), price=price)
    raise Missed


def same(one: State, other: State) -> bool:
    """Whether nothing changed but the time."""
    match one, other:
        case Book(), Book():
            return one.bids == other.bids and one.asks == other.asks and one.rows == other.rows
        case Trades(), Trades():
            return one.tail is other.tail
        case Price(), Price():
            return one.price == other.price
        case _:
            return False


def _at(update: Update) -> Decimal:
    return Decimal(repr(update.at))


def _candles(state: State | None, update: CandlesUpdated) -> Candles:
    known = state if isinstance(state, Candles) else None
    if known is None and not update.whole:
        raise Missed
    before = {} if known is None else known.candles
    told = dict(update.candles)
    rows = told if update.whole else before | told
    if len(rows) > update.rows or list(rows)[-len(told) :] != list(told):
        rows = {opened: rows[opened] for opened in sorted(rows)[-update.rows :]}
    newest = next(reversed(before), None)
    if update.whole:
        moved = list(before.items())[:-1] != list(rows.items())[:-1] or newest != next(reversed(rows), None)
    else:
        moved = any(opened != newest for opened in told)
    window = 0 if known is None else known.window + moved
    return Candles(at=_at(update), rows=update.rows, window=window, candles=rows)


def _trades(state: State | None, update: TradesUpdated) -> Trades:
    """Trades that nobody told us of are counted by the tail's end, so that readers learn how many they missed."""
    tail, total = (state.tail, state.total) if isinstance(state, Trades) else (Tail((), 0, 0), UNKNOWN)
    new = len(update.trades) if total == UNKNOWN else max(update.total - total, len(update.trades))
    if new:
        # A tail has no hole: what is before one counts as missed by whoever has not taken it.
        before = tail.entries if new == len(update.trades) else ()
        tail = Tail((*before, *update.trades)[-MOST_TRADES:], tail.end + new, 0)
    return Trades(at=_at(update), tail=tail, total=update.total)
