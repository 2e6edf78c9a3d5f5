"""Events to stored events and back: the half of the `eventsourcing` library that is used here, and its only door.

The library's `Mapper` names types by topic, writes `class_version` and upcasts old events on reading. It maps objects that
carry their own stream and version, which our messages do not: a message travels through it in an `Envelope` made for its
class, whose topic is the message's bare class name.

Of a class that never changed the library's JSON is the message's own, and there is nothing to upcast: pydantic writes and
reads it directly, several times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from contracts.message import Event
from contracts.registry import events as contract_events
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import register_topic
from pydantic_core import from_json, to_json

from eventlog.errors import EventUnknown

RESERVED = frozenset({"originator_id", "originator_version", "class_version"})


class JsonTranscoder(Transcoder):
    """Plain JSON in UTF-8; pydantic's encoder, so Decimal and datetime are text."""

    def encode(self, obj: Any) -> bytes:
        """The JSON of `obj`."""
        return to_json(obj)

    def decode(self, data: bytes) -> Any:
        """The value of JSON bytes; ValueError when they are none."""
        return from_json(data)


class Envelope:
    """What the library maps: the fields of a message, its stream and its version."""

    TOPIC: ClassVar[str]
    message: ClassVar[type[Event]]
    class_version: ClassVar[int] = 1
    originator_id: str
    originator_version: int

    def __init__(self, stream: str, version: int, state: dict[str, Any]) -> None:
        self.__dict__.update(state, originator_id=stream, originator_version=version)

    def open(self) -> Event:
        """The message; pydantic's ValidationError when the stored fields do not fit its class."""
        return self.message.model_validate({k: v for k, v in self.__dict__.items() if k not in RESERVED})


@dataclass(frozen=True)
class Snapshot:
    """The library's shape of a snapshot: `topic` names the kind of state, `state` is JSON-ready."""

    TOPIC: ClassVar[str] = "Snapshot"
    originator_id: str
    originator_version: int
    timestamp: str
    topic: str
    state: Any


_mapper: Mapper[str] = Mapper(JsonTranscoder())
_envelopes: dict[str, type[Envelope]] = {}
register_topic(Snapshot.TOPIC, Snapshot)


def register(*events: type[Event]) -> None:
    """Make event classes storable. Every event of `contracts` is; this is for others, as in tests.

    ValueError when a field has a reserved name; the library's TopicError when another class has the same name.
    """
    for event in events:
        name = event.__name__
        known = _envelopes.get(name)
        if known is not None and known.message is event:
            continue
        if reserved := RESERVED & event.model_fields.keys():
            msg = f"{name}: field name is reserved: {', '.join(sorted(reserved))}"
            raise ValueError(msg)
        upcasts = {n: staticmethod(getattr(event, n)) for n in dir(event) if n.startswith("upcast_v")}
        members = {"TOPIC": name, "message": event, "class_version": event.class_version, **upcasts}
        envelope = type(name, (Envelope,), members)
        register_topic(name, envelope)
        _envelopes[name] = envelope


def store(event: Event, stream: str, version: int) -> tuple[str, bytes]:
    """The topic and the state of an event at its place. EventUnknown when its class is not registered."""
    envelope = _envelope(type(event).__name__)
    if envelope.message is not type(event):
        msg = f"another class is registered as {envelope.TOPIC}"
        raise EventUnknown(msg)
    if envelope.class_version == 1:
        return envelope.TOPIC, event.__pydantic_serializer__.to_json(event)
    stored = _mapper.to_stored_event(envelope(stream, version, event.model_dump(mode="json")))
    return stored.topic, stored.state


def load(stream: str, version: int, topic: str, state: bytes) -> Event:
    """The event of a stored row, upcast to the present version of its class. EventUnknown for an unknown topic."""
    known = _envelope(topic)
    if known.class_version == 1:
        return known.message.model_validate_json(state)
    envelope = _mapper.to_domain_event(StoredEvent(stream, version, topic, state))
    if not isinstance(envelope, Envelope):
        msg = f"not an event: {topic}"
        raise EventUnknown(msg)
    return envelope.open()


def store_snapshot(snapshot: Snapshot) -> tuple[str, bytes]:
    """The topic and the state of a snapshot."""
    stored = _mapper.to_stored_event(snapshot)
    return stored.topic, stored.state


def load_snapshot(stream: str, version: int, state: bytes) -> Snapshot:
    """The snapshot of a stored row."""
    snapshot = _mapper.to_domain_event(StoredEvent(stream, version, Snapshot.TOPIC, state))
    if not isinstance(snapshot, Snapshot):
        msg = f"not a snapshot of {stream}"
        raise TypeError(msg)
    return snapshot


def _envelope(topic: str) -> type[Envelope]:
    # Looked up here first: the library would try to import a module named like an unknown topic.
    try:
        return _envelopes[topic]
    except KeyError:
        msg = f"no event class named {topic}"
        raise EventUnknown(msg) from None


register(*contract_events().values())
