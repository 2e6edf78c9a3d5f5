"""Given, when, then: tests of a decider that read like the domain."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.rejections import Rejection

from eventlog.decider import Decider


class Scenario[S, C, E]:
    """`Scenario(decider).given(*events).when(command).then(*events)`. Each step returns a new scenario, so parts can be shared.

    After `then` or `then_nothing` the outcome is part of what is given, and another `when` may follow.
    """

    def __init__(self, decider: Decider[S, C, E], past: Sequence[E] = ()) -> None:
        self._decider = decider
        self._past = tuple(past)

    def given(self, *events: E) -> Scenario[S, C, E]:
        """What happened before."""
        return Scenario(self._decider, (*self._past, *events))

    def when(self, command: C) -> Outcome[S, C, E]:
        """Decide on a command; a `Rejection` is kept for `then_rejected`, anything else is raised."""
        state = self._decider.fold(self._decider.initial, self._past)
        try:
            events = tuple(self._decider.decide(state, command))
        except Rejection as rejection:
            return Outcome(self._decider, self._past, (), rejection)
        # A new event that evolve cannot take would break every later command of the stream.
        self._decider.fold(state, events)
        return Outcome(self._decider, self._past, events, None)


class Outcome[S, C, E]:
    """What a command led to."""

    def __init__(
        self, decider: Decider[S, C, E], past: tuple[E, ...], events: tuple[E, ...], rejection: Rejection | None
    ) -> None:
        self._decider = decider
        self._past = past
        self._events = events
        self._rejection = rejection

    def then(self, *events: E) -> Scenario[S, C, E]:
        """Exactly these events, in this order; AssertionError otherwise."""
        if self._rejection is not None or self._events != events:
            raise AssertionError(self._difference(_lines(events)))
        return Scenario(self._decider, (*self._past, *events))

    def then_nothing(self) -> Scenario[S, C, E]:
        """Accepted, and nothing changes; AssertionError otherwise."""
        return self.then()

    def then_rejected(self, rejection: type[Rejection], field: str | None = None) -> Rejection:
        """Refused as exactly this class and, when given, for this field; the rejection, to look at its detail."""
        actual = self._rejection
        if actual is None or type(actual) is not rejection:
            raise AssertionError(self._difference(f"  {rejection.__name__}"))
        if field is not None and actual.field != field:
            raise AssertionError(self._difference(f"  {rejection.__name__} for {field}"))
        return actual

    def _difference(self, expected: str) -> str:
        actual = _lines(self._events)
        if self._rejection is not None:
            blamed = "" if self._rejection.field is None else f" for {self._rejection.field}"
            actual = f"  {self._rejection.code}{blamed}: {self._rejection.detail}"
        return f"expected\n{expected}\nbut got\n{actual}"


def _lines(events: Sequence[object]) -> str:
    return "\n".join(f"  {event!r}" for event in events) or "  nothing"
