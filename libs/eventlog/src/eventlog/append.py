"""One append on its way to the writer, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.message import Event, Metadata

from eventlog.chained import Chained
from eventlog.errors import Fenced, VersionConflict
from eventlog.recorded import Fence, Recorded
from eventlog.statements import Write

type Outcome = list[Recorded] | VersionConflict | Fenced


@dataclass(slots=True, eq=False)
class Append:
    """One caller's events, ready to store: `stored` holds topic and state, `metadata` each event's own.

    `chained` is worked out ahead, as far as it can be. `queued_at` is monotonic time, not the loop's: uvloop counts whole
    milliseconds.
    """

    stream: str
    expected: int
    events: Sequence[Event]
    stored: Sequence[tuple[str, bytes]]
    metadata: Sequence[Metadata]
    writes: Sequence[Write]
    fence: Fence | None
    queued_at: float
    done: asyncio.Future[list[Recorded]]
    chained: Chained | None = None
