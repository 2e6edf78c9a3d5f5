"""A view's column that only the events can fill, an index, and a column of a table whose rows stay."""

from __future__ import annotations

from alembic import op
from eventlog.revision import make_again

revision = "money_0002"
down_revision = "money_0001"


def upgrade() -> None:
    op.execute("DELETE FROM movements")
    op.execute("DELETE FROM purses")
    op.execute("ALTER TABLE purses ADD COLUMN last jsonb NOT NULL")
    op.execute("CREATE INDEX movements_at ON movements (at)")
    op.execute("ALTER TABLE notes ADD COLUMN length integer")
    op.execute("UPDATE notes SET length = length(memo)")
    op.execute("ALTER TABLE notes ALTER COLUMN length SET NOT NULL")
    make_again("purses")


def downgrade() -> None:
    op.execute("ALTER TABLE notes DROP COLUMN length")
    op.execute("DROP INDEX movements_at")
    op.execute("ALTER TABLE purses DROP COLUMN last")
