"""Tamper evidence: each stored event carries a hash over its own content and its predecessor's hash.

Position and transaction are left out: they say when an event was seen, not what it says, and differ after a restore.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from asyncpg.pgproto import pgproto
from contracts.message import Metadata
from pydantic_core import to_json

GENESIS = bytes(32)
"""The predecessor of a stream's first event."""


def head_of(stream: str, version: int, topic: str, metadata: Metadata, recorded_at: datetime) -> bytes:
    """What is hashed of an event besides its state, as one JSON array: place, type, metadata, time."""
    causation = _text(metadata.causation_id)
    # The same object when a command began it all, which is the rule.
    same = metadata.correlation_id is metadata.causation_id
    correlation = causation if same else _text(metadata.correlation_id)
    return to_json(
        (
            stream,
            version,
            topic,
            str(metadata.message_id),
            causation,
            correlation,
            metadata.actor,
            metadata.traceparent,
            _instant(recorded_at),
        )
    )


def link(previous: bytes, head: bytes, state: bytes) -> bytes:
    """The hash of an event: sha256 over its predecessor's, its head and its state; 32 bytes."""
    # The head is a JSON array, which ends itself: no two contents share one text.
    return sha256(b"".join((previous, head, b"\n", state))).digest()


@lru_cache(maxsize=16)  # appends of one millisecond share their time
def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _text(value: UUID | None) -> str | None:
    # By way of the driver's class, which prints several times as fast.
    return None if value is None else str(pgproto.UUID(value.bytes))
