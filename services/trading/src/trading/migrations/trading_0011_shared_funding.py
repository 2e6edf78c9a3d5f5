"""Funding payments are shared among executors and holds; those recorded before are shared when their session runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused

revision = "trading_0011"
down_revision = "trading_0010"

AMOUNTS = (
    ("executors", "funding_quote"),
    ("position_holds", "funding_quote"),
    ("position_holds", "cleared_funding"),
)


def upgrade() -> None:
    """New columns; no share was recorded before."""
    for table, column in AMOUNTS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} NUMERIC DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE funding_payments ADD COLUMN shared BOOLEAN DEFAULT 'false' NOT NULL")
    op.execute("CREATE INDEX funding_payments_waiting ON funding_payments (account, connector) WHERE NOT shared")
    op.execute(
        "CREATE TABLE controller_funding (controller_id TEXT NOT NULL, funding NUMERIC NOT NULL, PRIMARY KEY (controller_id))"
    )
    op.execute("CREATE INDEX orders_by_executor ON orders (executor_id) WHERE executor_id IS NOT NULL")


def downgrade() -> None:
    """Refused when a payment was ever shared: an older version cannot read that."""
    unreadable = sa.text("SELECT EXISTS (SELECT 1 FROM stored_events WHERE topic = 'FundingShared')")
    if op.get_bind().execute(unreadable).scalar():
        msg = "funding payments were shared, and a version before trading_0011 cannot read their events"
        raise DownRefused(msg)
    for table, column in AMOUNTS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute("DROP TABLE controller_funding")
    op.execute("DROP INDEX orders_by_executor, funding_payments_waiting")
    op.execute("ALTER TABLE funding_payments DROP COLUMN shared")
