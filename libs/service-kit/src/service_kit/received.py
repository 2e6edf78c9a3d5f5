"""An event as it comes from another context's stream, and the view that is made of such events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from contracts import naming
from contracts.message import Event, Metadata
from contracts.registry import events
from contracts.rejections import CommandUnreadable
from nats.aio.msg import Msg

from service_kit.wire import metadata_headers, parse, read_metadata

if TYPE_CHECKING:
    from eventlog.recorded import Recorded
    from eventlog.statements import Write
    from sqlalchemy import MetaData

_EVENTS = events()


@dataclass(frozen=True, slots=True)
class Received:
    """An event of another context. `position` and `tx` are its place in that context's log, `sequence` on the stream."""

    event: Event
    stream: str
    version: int
    position: int
    sequence: int
    metadata: Metadata
    recorded_at: datetime
    tx: int = 0


class ForeignView(Protocol):
    """A view made of another context's events. `name` is unique in the service; `subjects` are filters on that stream."""

    name: str
    context: str
    subjects: Sequence[str]
    metadata: MetaData

    def project(self, received: Received) -> Iterable[Write]:
        """The statements that bring the view from before this event to after it."""
        ...


def event_headers(recorded: Recorded) -> dict[str, str]:
    """The headers an event is published with; the message id is what JetStream deduplicates by."""
    headers = metadata_headers(recorded.metadata)
    headers[naming.HEADER_DEDUPLICATION] = str(recorded.metadata.message_id)
    headers[naming.HEADER_TYPE] = type(recorded.event).__name__
    headers[naming.HEADER_STREAM_ID] = recorded.stream
    headers[naming.HEADER_VERSION] = str(recorded.version)
    headers[naming.HEADER_POSITION] = str(recorded.position)
    headers[naming.HEADER_TRANSACTION] = str(recorded.tx)
    headers[naming.HEADER_RECORDED_AT] = recorded.recorded_at.isoformat()
    return headers


def feed_place(headers: Mapping[str, str]) -> tuple[int, int]:
    """(transaction, position) of an event in the log it comes from. Raises KeyError, ValueError for a foreign message."""
    return int(headers[naming.HEADER_TRANSACTION]), int(headers[naming.HEADER_POSITION])


class Backlog:
    """How far a consumer is behind its stream, from what the server said with the last message it sent."""

    def __init__(self) -> None:
        self.events = 0
        self.oldest: datetime | None = None
        self._behind = 0

    def begin(self, events: int) -> None:
        """The server has this many events for a consumer that was made just now."""
        self.events, self.oldest = events, None

    def taken(self, messages: Sequence[Msg]) -> None:
        """These messages are being worked on; `oldest` is when the first of them was recorded."""
        self._behind = messages[-1].metadata.num_pending
        self.events = self._behind + len(messages)
        text = (messages[0].headers or {}).get(naming.HEADER_RECORDED_AT)
        self.oldest = None if text is None else datetime.fromisoformat(text)

    def applied(self) -> None:
        """They are done."""
        self.events, self.oldest = self._behind, None


class EventUnreadable(Exception):
    """A message on an event stream that no relay of ours made."""


def read_event(message: Msg) -> Received | None:
    """The event in a stream message; None for a class this process does not know. Raises EventUnreadable."""
    headers: dict[str, str] = message.headers or {}
    known = _EVENTS.get(headers.get(naming.HEADER_TYPE, ""))
    if known is None:
        return None
    try:
        tx, position = feed_place(headers)
        return Received(
            event=parse(known, message.data),
            stream=headers[naming.HEADER_STREAM_ID],
            version=int(headers[naming.HEADER_VERSION]),
            position=position,
            sequence=message.metadata.sequence.stream,
            metadata=read_metadata(headers),
            recorded_at=datetime.fromisoformat(headers[naming.HEADER_RECORDED_AT]),
            tx=tx,
        )
    except (KeyError, ValueError, CommandUnreadable) as error:
        reason = f"{message.subject}: {type(error).__name__}: {error}"
        raise EventUnreadable(reason) from error


def consumed_events(context: str, subjects: Sequence[str]) -> list[type[Event]]:
    """The event classes of a context that one of the filters lets through."""
    return [
        event
        for event in _EVENTS.values()
        if event.context == context and any(_lets_through(subject.split("."), event) for subject in subjects)
    ]


def _lets_through(pattern: list[str], event: type[Event]) -> bool:
    # An aggregate's id has one token, or two (`account.connector`).
    return any(
        _matches(pattern, naming.event_subject(naming.stream_id(event.context, event.noun, id_), event.__name__).split("."))
        for id_ in ("x", "x.x")
    )


def _matches(pattern: list[str], subject: list[str]) -> bool:
    for index, part in enumerate(pattern):
        if part == ">":
            return len(subject) > index
        if index >= len(subject) or part not in {"*", subject[index]}:
            return False
    return len(pattern) == len(subject)
