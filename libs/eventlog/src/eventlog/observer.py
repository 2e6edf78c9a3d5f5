"""Who watches a log work: plain numbers, for metrics and traces."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told of what the writer does, in its loop; it neither blocks nor raises. All times are seconds."""

    def appended(self, stream: str, events: int, traceparent: str | None, seconds: float) -> None:
        """An append was stored, `seconds` after it was queued. `traceparent` is its command's."""
        ...

    def committed(self, appends: int) -> None:
        """A transaction stored this many appends."""
        ...

    def conflicted(self) -> None:
        """An append was refused: another was faster."""
        ...

    def reconnected(self) -> None:
        """The writer has a new connection to its database after it had lost one."""
        ...


class Unobserved:
    """Nobody watches."""

    def appended(self, stream: str, events: int, traceparent: str | None, seconds: float) -> None:
        """Nothing."""

    def committed(self, appends: int) -> None:
        """Nothing."""

    def conflicted(self) -> None:
        """Nothing."""

    def reconnected(self) -> None:
        """Nothing."""
