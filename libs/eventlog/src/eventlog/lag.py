"""How far what reads a log is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventlog import rows
from eventlog.recorded import FeedPosition

if TYPE_CHECKING:
    from eventlog.log import EventLog

MOST = 10_000
"""Events that are counted; more are this many."""

_LAG = f"""SELECT count(*) AS events, coalesce(extract(epoch FROM now() - min(recorded_at)), 0)::float8 AS seconds,
    count(*) FILTER (WHERE hidden) AS hidden_events,
    coalesce(extract(epoch FROM now() - min(recorded_at) FILTER (WHERE hidden)), 0)::float8 AS hidden_seconds
FROM (
    SELECT recorded_at, tx >= pg_snapshot_xmin(pg_current_snapshot()) AS hidden FROM {rows.EVENTS}
    WHERE (tx, notification_id) > ($1, $2) ORDER BY tx, notification_id LIMIT {MOST}
) AS behind"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Lag:
    """Events and the age of the oldest in seconds (zero without events), up to MOST events.

    The first two are all events behind a reader's place; the `hidden` ones among them are not in the feed yet, because a
    transaction that began before them still runs in the cluster.
    """

    events: int
    seconds: float
    hidden_events: int
    hidden_seconds: float


async def lag_behind(log: EventLog, after: FeedPosition) -> Lag:
    """How far a reader that has read up to `after` is behind. Raises Unavailable."""
    [row] = await log.fetch(_LAG, after.tx, after.position)
    return Lag(row["events"], max(0.0, row["seconds"]), row["hidden_events"], max(0.0, row["hidden_seconds"]))
