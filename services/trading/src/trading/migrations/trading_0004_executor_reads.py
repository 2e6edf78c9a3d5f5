"""What executors add up to, the figures of running ones, and position holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused
from eventlog.revision import make_again

revision = "trading_0004"
down_revision = "trading_0003"

TABLES = (
    """
CREATE TABLE executor_totals (
    account TEXT NOT NULL,
    controller_id TEXT NOT NULL,
    executor_type TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    close_type TEXT NOT NULL,
    executors BIGINT NOT NULL,
    wins BIGINT NOT NULL,
    pnl NUMERIC NOT NULL,
    pnl_squares NUMERIC NOT NULL,
    pct NUMERIC NOT NULL,
    volume NUMERIC NOT NULL,
    fees NUMERIC NOT NULL,
    PRIMARY KEY (account, controller_id, executor_type, connector, trading_pair, close_type)
)""",
    "CREATE INDEX executor_totals_by_controller ON executor_totals (controller_id)",
    """
CREATE TABLE executor_figures (
    executor_id TEXT NOT NULL,
    net_pnl_quote NUMERIC NOT NULL,
    net_pnl_pct NUMERIC NOT NULL,
    cum_fees_quote NUMERIC NOT NULL,
    filled_amount_quote NUMERIC NOT NULL,
    custom_info JSONB NOT NULL,
    sampled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (executor_id)
)""",
    """
CREATE TABLE position_holds (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    controller_id TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    buy_amount_base NUMERIC NOT NULL,
    buy_amount_quote NUMERIC NOT NULL,
    sell_amount_base NUMERIC NOT NULL,
    sell_amount_quote NUMERIC NOT NULL,
    matched_amount_base NUMERIC NOT NULL,
    open_base NUMERIC NOT NULL,
    open_quote NUMERIC NOT NULL,
    realized_pnl_quote NUMERIC NOT NULL,
    cum_fees_quote NUMERIC NOT NULL,
    executor_ids JSONB NOT NULL,
    cleared_pnl NUMERIC DEFAULT '0' NOT NULL,
    cleared_fees NUMERIC DEFAULT '0' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, connector, trading_pair, controller_id)
)""",
    "CREATE INDEX position_holds_by_controller ON position_holds (controller_id)",
    "ALTER TABLE executors ADD COLUMN holds_due INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE executors ADD COLUMN holds_recorded INTEGER DEFAULT '0' NOT NULL",
    "CREATE INDEX executors_by_holds_due ON executors (executor_id) WHERE holds_recorded < holds_due",
)


def upgrade() -> None:
    """New tables, filled from all events; so is what executors kept."""
    for statement in TABLES:
        op.execute(statement)
    make_again("executors")


def downgrade() -> None:
    """Refused when a position was ever held: an older version cannot read those events. Sampled figures are lost."""
    found = op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM position_holds)")).scalar()
    if found:
        msg = "positions were held, and a version before trading_0004 cannot read their events"
        raise DownRefused(msg)
    make_again("executor_totals")
    make_again("holds")
    for table in ("executor_totals", "executor_figures", "position_holds"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP INDEX executors_by_holds_due")
    op.execute("ALTER TABLE executors DROP COLUMN holds_due, DROP COLUMN holds_recorded")
