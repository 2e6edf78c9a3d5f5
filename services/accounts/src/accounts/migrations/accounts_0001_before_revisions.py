"""The tables as they were before there were revisions; those found in a schema of that time are kept."""

from __future__ import annotations

from alembic import op
from eventlog.errors import DownRefused

revision = "accounts_0001"
down_revision = None

TABLES = (
    """
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account)
)""",
    """
CREATE TABLE IF NOT EXISTS credentials (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    credential_version BIGINT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, connector)
)""",
    """
CREATE TABLE IF NOT EXISTS vault (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    credential_version BIGINT NOT NULL,
    nonce BYTEA NOT NULL,
    ciphertext BYTEA NOT NULL,
    key_nonce BYTEA NOT NULL,
    wrapped_key BYTEA NOT NULL,
    PRIMARY KEY (account, connector)
)""",
    """
CREATE TABLE IF NOT EXISTS vault_key (
    id INTEGER NOT NULL,
    salt BYTEA NOT NULL,
    time_cost INTEGER NOT NULL,
    memory_kib INTEGER NOT NULL,
    parallelism INTEGER NOT NULL,
    nonce BYTEA NOT NULL,
    verification BYTEA NOT NULL,
    PRIMARY KEY (id)
)""",
    """
CREATE TABLE IF NOT EXISTS balances (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    version BIGINT NOT NULL,
    balances JSONB NOT NULL,
    PRIMARY KEY (account, connector)
)""",
    """
CREATE TABLE IF NOT EXISTS prices (
    token TEXT NOT NULL,
    price NUMERIC NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (token)
)""",
    """
CREATE TABLE IF NOT EXISTS portfolio_history (
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    holdings JSONB NOT NULL,
    PRIMARY KEY (at, account, connector)
)""",
    "CREATE INDEX IF NOT EXISTS portfolio_history_account ON portfolio_history (account, connector, at)",
)


def upgrade() -> None:
    """Make what is missing."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Refused: it would drop tables that no event can fill again."""
    msg = "accounts_0001 is the first revision: below it there are no tables"
    raise DownRefused(msg)
