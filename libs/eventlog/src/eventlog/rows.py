"""Rows of the event table, and events out of them."""

from __future__ import annotations

import asyncpg
from contracts.message import Metadata

from eventlog import mapping
from eventlog.chain import head_of, link
from eventlog.recorded import Recorded

EVENTS = "stored_events"
SNAPSHOTS = "snapshots"
FENCES = "fences"
MADE_VIEWS = "made_views"
"""The views whose rows have been made from the events; the others are replayed at the next start."""
FOREIGN_POSITIONS = "foreign_positions"
OWN_TABLES = frozenset({EVENTS, SNAPSHOTS, FENCES, MADE_VIEWS, FOREIGN_POSITIONS, "log_version", "schema_version"})

PLACE = "stored_events_place"
"""The constraint that a version of a stream exists once."""

_OWN = "originator_id, originator_version, topic, state, message_id, causation_id, correlation_id, actor, traceparent"
_CONTENT = f"{_OWN}, recorded_at"

INSERT_ARGS = 3


def insert(first: int = 1, condition: str = "") -> str:
    """The insert of events; from `$first` on its parameters are their heads as a JSON array, their states, their hashes.

    One JSON document instead of an array for each column: those cost the client several times as much.
    """
    return (
        f"INSERT INTO {EVENTS} (originator_id, originator_version, topic, message_id, causation_id, correlation_id,"  # noqa: S608
        " actor, traceparent, recorded_at, state, hash)"
        " SELECT head->>0, (head->>1)::bigint, head->>2, (head->>3)::uuid, (head->>4)::uuid, (head->>5)::uuid,"
        " head->>6, head->>7, (head->>8)::timestamptz, state, hash"
        f" FROM ROWS FROM (jsonb_array_elements(${first}::jsonb), unnest(${first + 1}::bytea[]), unnest(${first + 2}::bytea[]))"
        f" WITH ORDINALITY AS event(head, state, hash, place) {condition} ORDER BY place RETURNING notification_id, tx"
    )


INSERT = insert()

# LATERAL with a limit keeps this one index descent a stream: a plain join became a hash join over the whole table.
HEADS = f"""
SELECT stream.id, head.originator_version, head.hash FROM unnest($1::text[]) AS stream(id)
CROSS JOIN LATERAL (
  SELECT originator_version, hash FROM {EVENTS} WHERE originator_id = stream.id ORDER BY originator_version DESC LIMIT 1
) AS head
"""  # noqa: S608 - constants

_SELECT = f"SELECT {_CONTENT}, notification_id, tx FROM {EVENTS} "  # noqa: S608 - constants

# OFFSET 0 keeps the subquery apart, for the same reason.
OF_STREAMS = f"""
SELECT wanted.place, event.* FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS wanted(stream, after, place)
CROSS JOIN LATERAL (
  {_SELECT} WHERE originator_id = wanted.stream AND originator_version > wanted.after ORDER BY originator_version OFFSET 0
) AS event
ORDER BY wanted.place, event.originator_version
"""  # noqa: S608 - constants
OF_CAUSE = _SELECT + "WHERE originator_id = $1 AND causation_id = $2 ORDER BY originator_version"
AFTER = _SELECT + "WHERE (tx, notification_id) > ($1, $2) ORDER BY tx, notification_id LIMIT $3"
# Transactions below the oldest one still running are all visible: nothing can appear behind the reader.
FEED = (
    _SELECT
    + "WHERE (tx, notification_id) > ($1, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())"
    + " ORDER BY tx, notification_id LIMIT $3"
)
CHAINS = f"SELECT {_CONTENT}, hash, notification_id, tx FROM {EVENTS} ORDER BY originator_id, originator_version"  # noqa: S608
CHAIN = f"SELECT {_CONTENT}, hash FROM {EVENTS} WHERE originator_id = $1 ORDER BY originator_version"  # noqa: S608 - constants


def metadata_of(row: asyncpg.Record) -> Metadata:
    """The metadata columns of a row."""
    return Metadata(
        message_id=row["message_id"],
        causation_id=row["causation_id"],
        correlation_id=row["correlation_id"],
        actor=row["actor"],
        traceparent=row["traceparent"],
    )


def recorded_of(row: asyncpg.Record) -> Recorded:
    """The event of a row, upcast where it is old; `eventlog.errors.EventUnknown` when there is no class for it."""
    stream, version = row["originator_id"], row["originator_version"]
    event = mapping.load(stream, version, row["topic"], row["state"])
    return Recorded(event, stream, version, metadata_of(row), row["recorded_at"]).placed(row["notification_id"], row["tx"])


def hash_of(row: asyncpg.Record, previous: bytes) -> bytes:
    """The hash that a row must carry behind a predecessor with the hash `previous`."""
    head = head_of(row["originator_id"], row["originator_version"], row["topic"], metadata_of(row), row["recorded_at"])
    return link(previous, head, row["state"])
