"""The table of positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused

revision = "trading_0005"
down_revision = "trading_0004"

TOPICS = ("PositionsReported", "PositionModeSet", "LeverageSet")
TABLES = (
    """
CREATE TABLE positions (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    side TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    entry_price NUMERIC,
    unrealized_pnl NUMERIC,
    leverage NUMERIC,
    margin NUMERIC,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, connector, trading_pair, side)
)""",
)


def upgrade() -> None:
    """A new table; nothing was recorded that belongs in it."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Refused when a position, mode or leverage was ever recorded: an older version cannot read their events."""
    unreadable = sa.text("SELECT EXISTS (SELECT 1 FROM stored_events WHERE topic = ANY(:topics))")
    if op.get_bind().execute(unreadable, {"topics": list(TOPICS)}).scalar():
        msg = "positions, modes or leverages were recorded, and a version before trading_0005 cannot read their events"
        raise DownRefused(msg)
    op.execute("DROP TABLE positions")
