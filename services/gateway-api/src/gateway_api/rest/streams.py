"""What a WebSocket address offers to subscribe to; `sockets` does all that is the same for every address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


class FrameRefused(Exception):
    """A client's frame cannot be carried out; the text is told, and the connection stays open."""


@dataclass(frozen=True, slots=True)
class Push:
    """A frame to send now, and how many states or entries the reader was too slow for since the one before."""

    frame: str
    dropped: int = 0


class Source(Protocol):
    """Where the frames of one open subscription come from."""

    def take(self) -> Push | None:
        """The newest state as a frame; None when it was taken already."""
        ...

    def close(self) -> None:
        """No more frames are wanted."""
        ...


@dataclass(frozen=True)
class Subscription:
    """A subscription that a frame asks for, not open yet.

    `open` is called after the acknowledgement went out and gets what to call whenever there is something to take;
    `acknowledged` are further members of the acknowledgement.
    """

    id: str
    kind: str
    open: Callable[[Callable[[], None]], Source]
    acknowledged: dict[str, Any] = field(default_factory=dict)


class Stream(Protocol):
    """One address."""

    path: str
    """Its path, also the label of its metrics."""

    id_length: int
    """Characters of a connection's id."""

    not_subscribed: str
    """The error for a subscription nobody knows, with its id in place of `{}`."""

    def subscription(self, frame: dict[str, Any], user: str) -> Subscription:
        """What a subscribe frame asks for; raises FrameRefused. It does not wait: slow work begins when it is opened."""
        ...
