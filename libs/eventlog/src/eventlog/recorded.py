"""What the log holds: events with their place, and positions in the feed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from contracts.message import Event, Metadata


@dataclass(frozen=True, slots=True)
class Recorded:
    """One stored event.

    `version` counts the events of its stream from 1; `(tx, position)` is its place in the feed; `metadata.message_id` is
    the event's own id, `metadata.causation_id` the command's; `recorded_at` is the writer's time, aware UTC.
    Until it is `placed`, reading `position` or `tx` is an AttributeError.
    """

    event: Event
    stream: str
    version: int
    position: int = field(init=False)
    tx: int = field(init=False)
    metadata: Metadata
    recorded_at: datetime

    def placed(self, position: int, tx: int) -> Recorded:
        """Itself, once the database gave it its place."""
        object.__setattr__(self, "position", position)
        object.__setattr__(self, "tx", tx)
        return self


@dataclass(frozen=True, order=True)
class FeedPosition:
    """How far a reader of the feed has come; the default is before the first event."""

    tx: int = 0
    position: int = 0

    @classmethod
    def of(cls, recorded: Recorded) -> FeedPosition:
        """The position right after `recorded`."""
        return cls(recorded.tx, recorded.position)


@dataclass(frozen=True)
class Fence:
    """A holder's proof that it is the newest holder of `name`; appends with an older token are refused."""

    name: str
    token: int


@dataclass(frozen=True)
class Verified:
    """The outcome of checking a stream's hash chain: `broken_at` is the first version that was changed, if any."""

    stream: str
    events: int
    broken_at: int | None

    @property
    def intact(self) -> bool:
        """Whether every event carries the hash of its predecessor and its own content."""
        return self.broken_at is None
