"""The domain's two functions. Pure: no I/O, clock or id in here or in what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SnapshotCodec[S]:
    """How the state of a long stream is kept, so that a command does not fold all of its events.

    `encode` gives a JSON-ready value (Decimal and datetime become text), `decode` takes it back after a trip through JSON.
    A snapshot is taken about every `every` events. `version` grows whenever state or `evolve` changes: snapshots of
    another version are not used.
    """

    encode: Callable[[S], Any]
    decode: Callable[[Any], S]
    version: int = 1
    every: int = 200


@dataclass(frozen=True)
class Decider[S, C, E]:
    """One aggregate: where it starts, what a command does to it and what an event makes of it.

    `decide` returns the events of an accepted command, none when nothing changes, and raises a
    `contracts.rejections.Rejection` to refuse it. `evolve` never fails: events are facts.
    """

    initial: S
    decide: Callable[[S, C], Sequence[E]]
    evolve: Callable[[S, E], S]
    snapshots: SnapshotCodec[S] | None = None

    def fold(self, state: S, events: Sequence[E]) -> S:
        """The state after `events`."""
        for event in events:
            state = self.evolve(state, event)
        return state
