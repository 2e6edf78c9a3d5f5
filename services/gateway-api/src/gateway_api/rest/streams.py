"""What a WebSocket address offers to subscribe to; `sockets` does all that is the same for every address."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway_api.domain.watched import Trouble

LONGEST_TEXT = 255


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


class Watch[T](Protocol):
    """What somebody watches."""

    @property
    def state(self) -> T | Trouble | None:
        """The newest state, also when it was taken."""
        ...

    def take(self) -> tuple[T | Trouble, int] | None:
        """The newest state and how many were missed; None when it was taken before."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


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


def text(name: str, value: Any) -> str:
    """A text that a frame may hold; raises FrameRefused."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        msg = f"{name}: text of at most {LONGEST_TEXT} characters"
        raise FrameRefused(msg)
    return value


def update_interval(frame: dict[str, Any], *, default: float, shortest: float, longest: float) -> float:
    """The seconds between two frames of a subscription, as near to what is asked for as may be; raises FrameRefused."""
    value = frame.get("update_interval")
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FrameRefused("update_interval: a number of seconds")
    return float(min(max(value, shortest), longest))


def troubled(id_: str, trouble: Trouble) -> str:
    """The frame that says why there is nothing to see now."""
    return json.dumps({"type": "error", "subscription_id": id_, "message": trouble.reason, "timestamp": time.time()})
