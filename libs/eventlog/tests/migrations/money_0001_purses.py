"""Purses without their last movement, and notes."""

from __future__ import annotations

from alembic import op
from eventlog.errors import DownRefused

revision = "money_0001"
down_revision = None

TABLES = (
    "CREATE TABLE IF NOT EXISTS purses (purse varchar PRIMARY KEY, coins numeric NOT NULL)",
    """
CREATE TABLE IF NOT EXISTS movements (
  purse varchar REFERENCES purses, version bigint, amount numeric NOT NULL CHECK (amount > -1000), at timestamptz NOT NULL,
  PRIMARY KEY (purse, version)
)""",
    "CREATE TABLE IF NOT EXISTS notes (id integer PRIMARY KEY, memo text NOT NULL)",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    msg = "money_0001 is the first revision"
    raise DownRefused(msg)
