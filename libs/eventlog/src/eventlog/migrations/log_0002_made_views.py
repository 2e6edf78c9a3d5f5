"""Revisions say now when a view is made again: no fingerprint of its tables is kept, only which views are made."""

from __future__ import annotations

from alembic import op

revision = "log_0002"
down_revision = "log_0001"


def upgrade() -> None:
    """Keep the names."""
    op.execute("ALTER TABLE view_definitions RENAME TO made_views")
    op.execute("ALTER INDEX view_definitions_pkey RENAME TO made_views_pkey")
    op.execute("ALTER TABLE made_views DROP COLUMN fingerprint, DROP COLUMN tables")


def downgrade() -> None:
    """Fingerprints that fit no table: the code of that time makes every view again when it starts."""
    op.execute(
        "ALTER TABLE made_views ADD COLUMN fingerprint text NOT NULL DEFAULT '', ADD COLUMN tables text[] NOT NULL DEFAULT '{}'"
    )
    op.execute("ALTER TABLE made_views ALTER COLUMN fingerprint DROP DEFAULT, ALTER COLUMN tables DROP DEFAULT")
    op.execute("ALTER INDEX made_views_pkey RENAME TO view_definitions_pkey")
    op.execute("ALTER TABLE made_views RENAME TO view_definitions")
