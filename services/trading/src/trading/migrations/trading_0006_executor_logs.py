"""What executors log."""

from __future__ import annotations

from alembic import op

revision = "trading_0006"
down_revision = "trading_0005"


def upgrade() -> None:
    """A new table; what was logged before is not in it."""
    op.execute(
        """
CREATE TABLE executor_logs (
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    executor_id TEXT NOT NULL,
    time TIMESTAMP WITH TIME ZONE NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    exc_info TEXT,
    PRIMARY KEY (number)
)"""
    )
    op.execute("CREATE INDEX executor_logs_by_executor ON executor_logs (executor_id, number)")


def downgrade() -> None:
    """The logs of executors are lost."""
    op.execute("DROP TABLE executor_logs")
