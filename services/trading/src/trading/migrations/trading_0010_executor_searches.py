"""Indexes for searches of executors by account and type, and by account and pair: one filter alone may leave thousands."""

from __future__ import annotations

from alembic import op

revision = "trading_0010"
down_revision = "trading_0009"

KEY = "created_at, executor_id"


def upgrade() -> None:
    """Two indexes."""
    op.execute(f"CREATE INDEX executors_by_account_type ON executors (account, executor_type, {KEY})")
    op.execute(f"CREATE INDEX executors_by_account_pair ON executors (account, trading_pair, {KEY})")


def downgrade() -> None:
    """Nothing is lost."""
    op.execute("DROP INDEX executors_by_account_type")
    op.execute("DROP INDEX executors_by_account_pair")
