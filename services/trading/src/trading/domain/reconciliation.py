"""Comparing positions: what executions add up to against what the exchange holds, and which differences are worth telling.

A difference is told once it lasts: an execution on its way to here must not be told as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from contracts.message import Amount
from contracts.trading import Position, PositionSide
from contracts.trading.reconciliation import DifferenceEvent, DifferenceReason, PositionAgreed, PositionDiffered

from trading.domain.internal import Internal
from trading.domain.money import total

ZERO = Decimal(0)

type Key = tuple[str, PositionSide | None]
"""A trading pair, and the side of a hedged position; None for the net position."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the executions of a pair that name this `side` add up to: of orders placed here, and of those placed elsewhere."""

    trading_pair: str
    side: PositionSide | None
    filled: Decimal = ZERO
    external: Decimal = ZERO
    executions: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A position as the executions have it and as the exchange has it, both at one point."""

    key: Key
    filled: Decimal = ZERO
    external: Decimal = ZERO
    executions: int = 0
    last: datetime | None = None
    held: Decimal = ZERO
    entry_price: Decimal | None = None
    changed_at: datetime | None = None

    @property
    def difference(self) -> Decimal:
        """What the exchange holds beyond the executions of orders placed here."""
        return _minus(self.held, self.filled)

    @property
    def behind(self) -> bool:
        """Whether the exchange's answer is older than the last execution."""
        return self.changed_at is not None and self.last is not None and self.changed_at < self.last


@dataclass(frozen=True, slots=True)
class Difference:
    """What was last told of a position. `open`: it differs. `held_before` stays proven when it agrees again."""

    trading_pair: str
    side: PositionSide | None
    difference: Decimal
    unexplained: Decimal
    held_before: Decimal
    open: bool

    @property
    def key(self) -> Key:
        """Which position."""
        return self.trading_pair, self.side


class RecordComparison(Internal):
    """A position was compared, and the outcome lasted; the rest is evidence."""

    trading_pair: str
    side: PositionSide | None
    filled_amount: Amount
    external_amount: Amount
    held_before: Amount
    exchange_amount: Amount
    entry_price: Amount | None
    reasons: tuple[DifferenceReason, ...]
    executions: int
    last_trades: tuple[str, ...]
    external_trades: tuple[str, ...]
    trades_listed: bool
    exchange_time: datetime | None
    since: datetime
    read_at: datetime


def compare(books: Iterable[Book], positions: Iterable[Position], told: Iterable[Key], *, hedged: bool) -> list[Comparison]:
    """Every position that executions, the exchange or an earlier difference tell of.

    Net by pair; by side in hedge mode, where every execution named its side.
    """
    by_pair: dict[str, dict[PositionSide | None, Book]] = {}
    for book in books:
        by_pair.setdefault(book.trading_pair, {})[book.side] = book
    held: dict[str, list[Position]] = {}
    for position in positions:
        held.setdefault(position.trading_pair, []).append(position)
    found: dict[Key, Comparison] = {}
    for pair in sorted(by_pair.keys() | held.keys()):
        sides, holding = by_pair.get(pair, {}), held.get(pair, [])
        for compared in _pair(pair, sides, holding, hedged=hedged):
            found[compared.key] = compared
    for key in told:
        found.setdefault(key, Comparison(key))
    return list(found.values())


def _pair(
    pair: str, sides: Mapping[PositionSide | None, Book], held: Sequence[Position], *, hedged: bool
) -> Iterator[Comparison]:
    net = sides.get(None, Book(pair, None))
    if not hedged or net.filled or net.external:
        yield _comparison((pair, None), list(sides.values()), held)
        return
    for side in PositionSide:
        yield _comparison((pair, side), [sides[side]] if side in sides else [], [each for each in held if each.side is side])


def _comparison(key: Key, books: Sequence[Book], held: Sequence[Position]) -> Comparison:
    return Comparison(
        key,
        filled=total(book.filled for book in books),
        external=total(book.external for book in books),
        executions=sum(book.executions for book in books),
        last=max((book.last for book in books if book.last is not None), default=None),
        held=total(each.amount for each in held),
        entry_price=held[0].entry_price if len(held) == 1 else None,
        changed_at=max((each.changed_at for each in held if each.changed_at is not None), default=None),
    )


@dataclass
class Suspicion:
    """A difference that was not told yet, and since when it is seen."""

    difference: Decimal
    since: datetime


@dataclass
class Looks:
    """What was seen of a session's positions, look after look. `known_since` is when the account was first known here."""

    settle: timedelta
    known_since: datetime | None
    told: dict[Key, Difference] = field(default_factory=dict)
    seen: dict[Key, Suspicion] = field(default_factory=dict)
    held_before: dict[Key, Decimal] = field(default_factory=dict)

    def look(self, comparisons: Iterable[Comparison], now: datetime, read: Mapping[str, datetime]) -> list[Comparison]:
        """The comparisons whose outcome is news and lasted: seen for `settle`, with the pair's executions asked for meanwhile.

        `read` tells for each pair when the exchange was last asked for its executions.
        """
        lasting = []
        for compared in comparisons:
            if compared.behind:
                continue
            self._prove(compared)
            if not self.news(compared):
                self.seen.pop(compared.key, None)
                continue
            suspicion = self.seen.get(compared.key)
            if suspicion is None or suspicion.difference != compared.difference:
                self.seen[compared.key] = Suspicion(compared.difference, now)
                continue
            asked = read.get(compared.key[0])
            if now - suspicion.since >= self.settle and asked is not None and asked > suspicion.since:
                lasting.append(compared)
        return lasting

    def news(self, compared: Comparison) -> bool:
        """Whether something else was told of the position, or nothing."""
        told = self.told.get(compared.key)
        if told is None or not told.open:
            return compared.difference != 0
        return (told.difference, told.unexplained) != (compared.difference, self.unexplained(compared))

    def before(self, key: Key) -> Decimal:
        """What is proven to have been held before the account was known."""
        told = self.told.get(key)
        return self.held_before.get(key, ZERO if told is None else told.held_before)

    def unexplained(self, compared: Comparison) -> Decimal:
        """The part of the difference that nothing proven explains."""
        return _minus(compared.difference, compared.external, self.before(compared.key))

    def _prove(self, compared: Comparison) -> None:
        """What a position, last changed before the account was known, has beyond the executions on record was held before."""
        if compared.changed_at is None or self.known_since is None:
            return
        # The clocks of the exchange and of this machine may differ.
        if compared.changed_at + self.settle < self.known_since:
            self.held_before[compared.key] = _minus(compared.difference, compared.external)


def decide(known: Mapping[Key, Difference], command: RecordComparison) -> Sequence[DifferenceEvent]:
    """The difference, or that there is none any longer; nothing when that was told."""
    difference, unexplained = _gaps(command)
    told = known.get((command.trading_pair, command.side))
    is_told = told is not None and told.open
    if difference == 0:
        agreed = {**command.model_dump(include=set(PositionAgreed.model_fields)), "amount": command.exchange_amount}
        return [PositionAgreed.model_validate(agreed)] if is_told else []
    if told is not None and is_told and (told.difference, told.unexplained) == (difference, unexplained):
        return []
    return [PositionDiffered.model_validate(command.model_dump())]


def evolve(known: Mapping[Key, Difference], event: DifferenceEvent) -> dict[Key, Difference]:
    """What is told now."""
    key = event.trading_pair, event.side
    match event:
        case PositionDiffered():
            difference, unexplained = _gaps(event)
            after = Difference(*key, difference, unexplained, event.held_before, open=True)
        case PositionAgreed():
            before = known[key].held_before if key in known else ZERO
            after = Difference(*key, ZERO, ZERO, before, open=False)
        case _:
            assert_never(event)
    return {**known, key: after}


def _gaps(told: RecordComparison | PositionDiffered) -> tuple[Decimal, Decimal]:
    """The difference, and what of it nothing explains."""
    difference = _minus(told.exchange_amount, told.filled_amount)
    return difference, _minus(difference, told.external_amount, told.held_before)


def _minus(amount: Decimal, *others: Decimal) -> Decimal:
    """The exact difference."""
    return total((amount, *(other.copy_negate() for other in others)))
