"""Tamper evidence: each stored event carries a hash over its own content and its predecessor's hash.

Position and transaction are left out: they say when an event was seen, not what it says, and differ after a restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from contracts.message import Metadata
from pydantic_core import to_json

GENESIS = bytes(32)
"""The predecessor of a stream's first event."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the hash of one event covers."""

    stream: str
    version: int
    topic: str
    state: bytes
    metadata: Metadata
    recorded_at: datetime

    def hash_after(self, previous: bytes) -> bytes:
        """sha256 over the predecessor's hash, the event's place, type, metadata and state; 32 bytes."""
        meta = self.metadata
        causation = _text(meta.causation_id)
        # The same object when a command began it all, which is the rule.
        correlation = causation if meta.correlation_id is meta.causation_id else _text(meta.correlation_id)
        head = (
            self.stream,
            self.version,
            self.topic,
            str(meta.message_id),
            causation,
            correlation,
            meta.actor,
            meta.traceparent,
            _instant(self.recorded_at),
        )
        # The JSON array ends itself, so no two contents share one text.
        return sha256(b"".join((previous, to_json(head), b"\n", self.state))).digest()


@lru_cache(maxsize=16)  # the events of one batch share their time
def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
