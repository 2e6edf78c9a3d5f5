"""The table of funding payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from eventlog.errors import DownRefused

revision = "trading_0007"
down_revision = "trading_0006"

TABLES = (
    """
CREATE TABLE funding_payments (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    exchange_funding_id TEXT NOT NULL,
    id BIGINT NOT NULL,
    funding_payment_id TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    token TEXT NOT NULL,
    rate NUMERIC,
    position_amount NUMERIC,
    time TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, connector, trading_pair, exchange_funding_id)
)""",
    "CREATE INDEX funding_payments_by_time ON funding_payments (time, funding_payment_id)",
    "CREATE INDEX funding_payments_by_session ON funding_payments (account, connector, time, funding_payment_id)",
    "CREATE INDEX funding_payments_by_pair ON funding_payments (trading_pair, time, funding_payment_id)",
)


def upgrade() -> None:
    """A new table; nothing was recorded that belongs in it."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Refused when funding was ever recorded: an older version cannot read its events."""
    found = op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM funding_payments)")).scalar()
    if found:
        msg = "funding payments were recorded, and a version before trading_0007 cannot read their events"
        raise DownRefused(msg)
    op.execute("DROP TABLE funding_payments")
