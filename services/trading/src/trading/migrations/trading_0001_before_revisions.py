"""The tables as they were before there were revisions; those found in a schema of that time are kept."""

from __future__ import annotations

from alembic import op
from eventlog.errors import DownRefused

revision = "trading_0001"
down_revision = None

TABLES = (
    """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT NOT NULL,
    known BOOLEAN DEFAULT 'false' NOT NULL,
    external BOOLEAN DEFAULT 'false' NOT NULL,
    client_order_id TEXT NOT NULL,
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    position_action TEXT DEFAULT 'OPEN' NOT NULL,
    amount NUMERIC DEFAULT '0' NOT NULL,
    price NUMERIC,
    exchange_order_id TEXT,
    acknowledged BOOLEAN DEFAULT 'false' NOT NULL,
    cancel_wanted BOOLEAN DEFAULT 'false' NOT NULL,
    unknown TEXT,
    closed TEXT,
    filled_amount NUMERIC DEFAULT '0' NOT NULL,
    filled_quote NUMERIC DEFAULT '0' NOT NULL,
    fee_paid NUMERIC DEFAULT '0' NOT NULL,
    fee_tokens TEXT[] DEFAULT '{}' NOT NULL,
    error_message TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status TEXT GENERATED ALWAYS AS (CASE
    WHEN closed IS NOT NULL THEN closed
    WHEN unknown IS NOT NULL THEN 'UNKNOWN'
    WHEN cancel_wanted THEN 'PENDING_CANCEL'
    WHEN filled_amount <> 0 THEN 'PARTIALLY_FILLED'
    WHEN acknowledged THEN 'OPEN'
    ELSE 'SUBMITTED' END) STORED,
    PRIMARY KEY (order_id)
)""",
    "CREATE INDEX IF NOT EXISTS orders_by_account ON orders (account, created_at, order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_account_status ON orders (account, status, created_at, order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_client_order_id ON orders (account, connector, client_order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_connector ON orders (connector, created_at, order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_exchange_order_id ON orders (account, connector, exchange_order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_open ON orders (order_id) WHERE known AND closed IS NULL",
    "CREATE INDEX IF NOT EXISTS orders_by_pair ON orders (trading_pair, created_at, order_id) WHERE known",
    """
CREATE INDEX IF NOT EXISTS orders_by_session
ON orders (account, connector, trading_pair, created_at, order_id) WHERE known""",
    "CREATE INDEX IF NOT EXISTS orders_by_session_open ON orders (account, connector) WHERE known AND closed IS NULL",
    "CREATE INDEX IF NOT EXISTS orders_by_session_time ON orders (account, connector, created_at, order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_status ON orders (status, created_at, order_id) WHERE known",
    "CREATE INDEX IF NOT EXISTS orders_by_time ON orders (created_at, order_id) WHERE known",
    """
CREATE TABLE IF NOT EXISTS trades (
    order_id TEXT NOT NULL,
    exchange_trade_id TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    exchange_order_id TEXT,
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    price NUMERIC NOT NULL,
    fee NUMERIC NOT NULL,
    fee_token TEXT,
    is_maker BOOLEAN,
    time TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (order_id, exchange_trade_id)
)""",
    "CREATE INDEX IF NOT EXISTS trades_by_account ON trades (account, time, trade_id)",
    "CREATE INDEX IF NOT EXISTS trades_by_connector ON trades (connector, time, trade_id)",
    "CREATE INDEX IF NOT EXISTS trades_by_pair ON trades (trading_pair, time, trade_id)",
    "CREATE INDEX IF NOT EXISTS trades_by_session ON trades (account, connector, trading_pair, time, trade_id)",
    "CREATE INDEX IF NOT EXISTS trades_by_session_time ON trades (account, connector, time, trade_id)",
    "CREATE INDEX IF NOT EXISTS trades_by_side ON trades (side, time, trade_id)",
    "CREATE INDEX IF NOT EXISTS trades_by_time ON trades (time, trade_id)",
    """
CREATE TABLE IF NOT EXISTS sessions (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    credential_version INTEGER DEFAULT '0' NOT NULL,
    holder TEXT,
    released_at TIMESTAMP WITH TIME ZONE,
    first_started_at TIMESTAMP WITH TIME ZONE,
    reconciled_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account, connector)
)""",
    """
CREATE TABLE IF NOT EXISTS credentials (
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    credential_version INTEGER NOT NULL,
    PRIMARY KEY (account, connector)
)""",
    """
CREATE TABLE IF NOT EXISTS known_accounts (
    account TEXT NOT NULL,
    PRIMARY KEY (account)
)""",
)


def upgrade() -> None:
    """Make what is missing."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Refused: it would drop tables that no event can fill again."""
    msg = "trading_0001 is the first revision: below it there are no tables"
    raise DownRefused(msg)
