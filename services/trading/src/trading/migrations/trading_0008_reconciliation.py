"""What executions of derivatives add up to, and the differences from the exchange's positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused
from eventlog.revision import make_again

revision = "trading_0008"
down_revision = "trading_0007"

TOPICS = ("PositionDiffered", "PositionAgreed")
TABLES = (
    """
CREATE TABLE position_books (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    side TEXT NOT NULL,
    filled NUMERIC NOT NULL,
    external NUMERIC NOT NULL,
    executions BIGINT NOT NULL,
    last TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, connector, trading_pair, side)
)""",
    """
CREATE TABLE position_differences (
    id BIGINT NOT NULL,
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    side TEXT NOT NULL,
    status TEXT NOT NULL,
    filled_amount NUMERIC NOT NULL,
    external_amount NUMERIC NOT NULL,
    held_before NUMERIC NOT NULL,
    exchange_amount NUMERIC NOT NULL,
    entry_price NUMERIC,
    reasons TEXT[] NOT NULL,
    executions BIGINT NOT NULL,
    last_trades TEXT[] NOT NULL,
    external_trades TEXT[] NOT NULL,
    trades_listed BOOLEAN NOT NULL,
    exchange_time TIMESTAMP WITH TIME ZONE,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
)""",
    "CREATE INDEX position_differences_by_time ON position_differences (read_at, id)",
    """CREATE UNIQUE INDEX position_differences_open ON position_differences (account, connector, trading_pair, side)
    WHERE status = 'OPEN'""",
)


def upgrade() -> None:
    """New tables, filled from all executions."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Refused when a difference was ever recorded: an older version cannot read its events."""
    unreadable = sa.text("SELECT EXISTS (SELECT 1 FROM stored_events WHERE topic = ANY(:topics))")
    if op.get_bind().execute(unreadable, {"topics": list(TOPICS)}).scalar():
        msg = "differences of positions were recorded, and a version before trading_0008 cannot read their events"
        raise DownRefused(msg)
    make_again("reconciliation")
    op.execute("DROP TABLE position_books")
    op.execute("DROP TABLE position_differences")
