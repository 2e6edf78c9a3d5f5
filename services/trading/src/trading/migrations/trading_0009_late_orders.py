"""Whose executor an order is, orders that change after their end, and executors that are closed again.

The trigger costs an ordinary order nothing but its condition: no order that has ended changes but for a surprise.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused
from eventlog.revision import make_again

revision = "trading_0009"
down_revision = "trading_0008"

STATEMENTS = (
    "ALTER TABLE orders ADD COLUMN executor_id TEXT",
    "ALTER TABLE executors ADD COLUMN closings INTEGER DEFAULT '0' NOT NULL",
    """
CREATE TABLE late_orders (
    order_id TEXT NOT NULL,
    executor_id TEXT NOT NULL,
    changes BIGINT NOT NULL,
    PRIMARY KEY (order_id)
)""",
    """
CREATE FUNCTION mark_late_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO late_orders AS late (order_id, executor_id, changes) VALUES (NEW.order_id, NEW.executor_id, 1)
    ON CONFLICT (order_id) DO UPDATE SET changes = late.changes + 1;
    RETURN NULL;
END $$""",
    """
CREATE TRIGGER late_order AFTER UPDATE ON orders FOR EACH ROW
WHEN (OLD.closed IS NOT NULL AND NEW.executor_id IS NOT NULL
    AND (NEW.closed IS DISTINCT FROM OLD.closed OR NEW.filled_amount <> OLD.filled_amount))
EXECUTE FUNCTION mark_late_order()""",
)


def upgrade() -> None:
    """Orders get their executors from the events; orders that came late in the past are marked, and looked at, by that too."""
    for statement in STATEMENTS:
        op.execute(statement)
    make_again("orders")
    make_again("executors")


def downgrade() -> None:
    """Refused when an executor was ever reopened: an older version cannot read that."""
    unreadable = sa.text("SELECT EXISTS (SELECT 1 FROM stored_events WHERE topic = 'ExecutorReopened')")
    if op.get_bind().execute(unreadable).scalar():
        msg = "executors were reopened, and a version before trading_0009 cannot read their events"
        raise DownRefused(msg)
    op.execute("DROP FUNCTION mark_late_order CASCADE")
    op.execute("DROP TABLE late_orders")
    op.execute("ALTER TABLE orders DROP COLUMN executor_id")
    op.execute("ALTER TABLE executors DROP COLUMN closings")
