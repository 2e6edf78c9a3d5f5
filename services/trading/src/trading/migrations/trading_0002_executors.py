"""The table of executors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused

revision = "trading_0002"
down_revision = "trading_0001"

TABLES = (
    """
CREATE TABLE executors (
    executor_id TEXT NOT NULL,
    executor_type TEXT NOT NULL,
    account TEXT NOT NULL,
    controller_id TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    connectors JSONB NOT NULL,
    markets JSONB NOT NULL,
    config JSONB NOT NULL,
    status TEXT NOT NULL,
    started BOOLEAN DEFAULT 'false' NOT NULL,
    stopping BOOLEAN DEFAULT 'false' NOT NULL,
    close_type TEXT,
    net_pnl_quote NUMERIC DEFAULT '0' NOT NULL,
    net_pnl_pct NUMERIC DEFAULT '0' NOT NULL,
    cum_fees_quote NUMERIC DEFAULT '0' NOT NULL,
    filled_amount_quote NUMERIC DEFAULT '0' NOT NULL,
    custom_info JSONB DEFAULT '{}' NOT NULL,
    orders INTEGER DEFAULT '0' NOT NULL,
    error_count INTEGER DEFAULT '0' NOT NULL,
    last_error TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (executor_id)
)""",
    "CREATE INDEX executors_by_time ON executors (created_at, executor_id)",
    "CREATE INDEX executors_by_account ON executors (account, created_at, executor_id)",
    "CREATE INDEX executors_by_connector ON executors (connector, created_at, executor_id)",
    "CREATE INDEX executors_by_pair ON executors (trading_pair, created_at, executor_id)",
    "CREATE INDEX executors_by_type ON executors (executor_type, created_at, executor_id)",
    "CREATE INDEX executors_by_status ON executors (status, created_at, executor_id)",
    "CREATE INDEX executors_by_controller ON executors (controller_id, created_at, executor_id)",
    "CREATE INDEX executors_by_open ON executors (account, connector) WHERE closed_at IS NULL",
)


def upgrade() -> None:
    """A new table; nothing was recorded that belongs in it."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Refused when an executor was ever created: an older version cannot read its events."""
    found = op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM executors)")).scalar()
    if found:
        msg = "executors were created, and a version before trading_0002 cannot read their events"
        raise DownRefused(msg)
    op.execute("DROP TABLE executors")
