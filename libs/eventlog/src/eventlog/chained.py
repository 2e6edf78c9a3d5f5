"""An append's events behind the head of their stream: their hashes, and the writes of the service's own views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from eventlog.chain import head_of, link
from eventlog.recorded import Recorded
from eventlog.statements import View, Write

if TYPE_CHECKING:
    from eventlog.append import Append

type Head = tuple[int, bytes]
"""The newest version of a stream and its hash; version 0 and `chain.GENESIS` before the first event."""


@dataclass(slots=True)
class Chained:
    """One append on the head `before`, event by event; `after` is the head it leads to.

    It is worked out as soon as the append is queued, while the database stores what came before, and holds for this head only.
    `writes` are those of each view; None when a view reads the events' place, which is not known before they are stored.
    """

    before: Head
    after: Head
    recorded: list[Recorded]
    contents: list[bytes]
    hashes: list[bytes]
    writes: list[list[Write]] | None


def chained(append: Append, before: Head, recorded_at: datetime, views: Sequence[View]) -> Chained:
    """The events of an append behind `before`. Raises what a view raises."""
    version, previous = before
    recorded: list[Recorded] = []
    contents: list[bytes] = []
    hashes: list[bytes] = []
    for event, (topic, state), metadata in zip(append.events, append.stored, append.metadata, strict=True):
        version += 1
        content = head_of(append.stream, version, topic, metadata, recorded_at)
        previous = link(previous, content, state)
        recorded.append(Recorded(event, append.stream, version, metadata, recorded_at))
        contents.append(content)
        hashes.append(previous)
    return Chained(before, (version, previous), recorded, contents, hashes, _unplaced(recorded, views))


def projected(recorded: Sequence[Recorded], views: Sequence[View]) -> list[list[Write]]:
    """The writes of each view."""
    return [[write for one in recorded for write in view.project(one)] for view in views]


def _unplaced(recorded: Sequence[Recorded], views: Sequence[View]) -> list[list[Write]] | None:
    try:
        return projected(recorded, views)
    except AttributeError as error:
        if isinstance(error.obj, Recorded) and error.name in {"position", "tx"}:
            return None
        raise
