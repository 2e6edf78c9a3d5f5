"""One order in a small world: the session's tasks, the wires, the exchange. Plain values, so that equal worlds are met once."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

TRADES = 2
"""Executions that fill the order; each is half of it."""
HALF = Decimal("0.5")


class Task(StrEnum):
    """Where an effect of ours is. UNCONFIRMED: stored, the database's answer was lost. REFUSED: a cancel to be looked into."""

    NONE = "none"
    UNCONFIRMED = "unconfirmed"
    DUE = "due"
    WAITING = "waiting"
    REFUSED = "refused"
    DONE = "done"


class Wire(StrEnum):
    """Where a request is. DONE and REFUSED: the exchange has handled it, and its answer reaches the one who still waits."""

    NONE = "none"
    TRAVELLING = "travelling"
    DONE = "done"
    REFUSED = "refused"
    LOST = "lost"


class Book(StrEnum):
    """The order at the exchange."""

    ABSENT = "absent"
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"


class Resolver(StrEnum):
    """The task that asks for an unknown outcome. OLD: the settle time has passed since it began."""

    OFF = "off"
    YOUNG = "young"
    OLD = "old"


class Answer(NamedTuple):
    """What the exchange answered to a question, on its way to the one who asked."""

    book: Book
    trades: int
    settled: bool
    resolving: bool


class World(NamedTuple):
    """`order` numbers the decider's state among those met. `missing`: 0 found, 1 not found, 2 not found a settle time ago."""

    order: int = 0
    completions: int = 0
    submits: int = 0
    up: bool = True
    submit: Task = Task.NONE
    submit_wire: Wire = Wire.NONE
    cancel: Task = Task.NONE
    cancel_wire: Wire = Wire.NONE
    book: Book = Book.ABSENT
    trades: int = 0
    resolver: Resolver = Resolver.OFF
    aged: bool = False
    answer: Answer | None = None
    missing: int = 0

    @property
    def settles(self) -> bool:
        """Whether the settle time passing changes anything for the session."""
        return self.up and (self.resolver is Resolver.YOUNG or not self.aged or self.missing == 1)


class Move(NamedTuple):
    """One step: its name in a counterexample, and the world after it."""

    name: str
    world: World


def exchange_moves(world: World) -> list[Move]:
    """What the exchange and the network may do next."""
    moves = []
    if world.submit_wire is Wire.TRAVELLING:
        moves += [
            Move("the exchange accepts the order", world._replace(submit_wire=Wire.DONE, book=Book.OPEN)),
            Move("the exchange refuses the order", world._replace(submit_wire=Wire.REFUSED)),
            Move("the submit is lost on its way", world._replace(submit_wire=Wire.LOST)),
        ]
    if world.cancel_wire is Wire.TRAVELLING:
        moves.append(cancel_arrives(world))
        moves.append(Move("the cancel is lost on its way", world._replace(cancel_wire=Wire.LOST)))
    if world.book is Book.OPEN:
        trades = world.trades + 1
        book = Book.FILLED if trades == TRADES else Book.OPEN
        moves.append(Move(f"the exchange executes trade {trades}", world._replace(trades=trades, book=book)))
        moves.append(Move("the exchange expires the order", world._replace(book=Book.CANCELLED)))
    if world.settles:
        moves.append(time_passes(world))
    return moves


def cancel_arrives(world: World) -> Move:
    """The exchange handles the cancel that is under way."""
    if world.book is Book.OPEN:
        return Move("the exchange cancels the order", world._replace(cancel_wire=Wire.DONE, book=Book.CANCELLED))
    return Move("the exchange refuses the cancel", world._replace(cancel_wire=Wire.REFUSED))


def time_passes(world: World) -> Move:
    """The settle time: the exchange takes no request that is older."""
    lost = {Wire.TRAVELLING: Wire.LOST}
    return Move(
        "the settle time passes",
        world._replace(
            submit_wire=lost.get(world.submit_wire, world.submit_wire),
            cancel_wire=lost.get(world.cancel_wire, world.cancel_wire),
            resolver=Resolver.OLD if world.resolver is Resolver.YOUNG else world.resolver,
            aged=True,
            missing=2 if world.missing else 0,
        ),
    )
