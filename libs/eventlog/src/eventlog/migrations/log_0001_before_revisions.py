"""The log's tables as they were before there were revisions; a schema that has them is taken over."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from eventlog.errors import DownRefused

revision = "log_0001"
down_revision = None

TABLES = (
    """
CREATE TABLE IF NOT EXISTS stored_events (
  originator_id text COLLATE "C" NOT NULL,
  originator_version bigint NOT NULL CHECK (originator_version > 0),
  topic text NOT NULL,
  state bytea NOT NULL,
  notification_id bigint GENERATED ALWAYS AS IDENTITY,
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  message_id uuid NOT NULL,
  causation_id uuid,
  correlation_id uuid,
  actor text NOT NULL,
  traceparent text,
  recorded_at timestamptz NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT stored_events_place PRIMARY KEY (originator_id, originator_version)
)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS stored_events_feed ON stored_events (tx, notification_id)",
    "CREATE INDEX IF NOT EXISTS stored_events_cause ON stored_events (causation_id)",
    """
CREATE TABLE IF NOT EXISTS snapshots (
  originator_id text COLLATE "C" PRIMARY KEY,
  originator_version bigint NOT NULL,
  topic text NOT NULL,
  state bytea NOT NULL
)""",
    """
CREATE TABLE IF NOT EXISTS fences (
  name text COLLATE "C" PRIMARY KEY,
  token bigint NOT NULL
)""",
    """
CREATE TABLE IF NOT EXISTS view_definitions (
  name text COLLATE "C" PRIMARY KEY,
  fingerprint text NOT NULL,
  tables text[] NOT NULL
)""",
    """
CREATE TABLE IF NOT EXISTS foreign_positions (
  view text PRIMARY KEY,
  tx bigint NOT NULL,
  position bigint NOT NULL,
  incarnation text NOT NULL,
  sequence bigint NOT NULL
)""",
)


def upgrade() -> None:
    """Make what is missing. Views found there may be of any age: they go, and are made again from the events."""
    for statement in TABLES:
        op.execute(statement)
    connection = op.get_bind()
    for table in connection.scalars(text("SELECT quote_ident(unnest(tables)) FROM view_definitions")).all():
        op.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
    op.execute("DELETE FROM view_definitions")


def downgrade() -> None:
    """Refused: it would drop the events."""
    msg = "log_0001 is the first revision: below it there are no events"
    raise DownRefused(msg)
