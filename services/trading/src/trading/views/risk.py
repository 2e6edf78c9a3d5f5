"""What the risk guard asks of the orders and trades tables when it begins to watch a session, and whom limits concern."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from contracts.accounts import AccountUnknown

from trading.views.paging import Rows


@dataclass(frozen=True, slots=True)
class FillRow:
    """One fill of a session, as stored, with the position action of its order."""

    order_id: str
    trade_id: str
    trading_pair: str
    side: str
    action: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_token: str | None
    time: datetime


async def placed_since(rows: Rows, account: str, connector: str, since: datetime) -> list[datetime]:
    """When the session's own orders of that time were placed, oldest first."""
    found = await rows.fetch(
        """SELECT created_at FROM orders WHERE known AND account = $1 AND connector = $2 AND created_at > $3 AND NOT external
        ORDER BY created_at""",
        account,
        connector,
        since,
    )
    return [row[0] for row in found]


async def fills_since(rows: Rows, account: str, connector: str, since: datetime) -> list[FillRow]:
    """The session's fills of that time, oldest first."""
    found = await rows.fetch(
        """SELECT t.order_id, t.exchange_trade_id AS trade_id, t.trading_pair, t.side, t.amount, t.price, t.fee, t.fee_token,
            t.time, coalesce(o.position_action, 'OPEN') AS action
        FROM trades t LEFT JOIN orders o USING (order_id)
        WHERE t.account = $1 AND t.connector = $2 AND t.time >= $3 ORDER BY t.time, t.trade_id""",
        account,
        connector,
        since,
    )
    return [FillRow(**dict(row)) for row in found]


async def connectors_of(rows: Rows, account: str) -> list[str]:
    """The connectors an account has credentials for. Raises AccountUnknown."""
    found = await rows.fetch(
        """SELECT c.connector FROM known_accounts k LEFT JOIN credentials c USING (account) WHERE k.account = $1
        ORDER BY c.connector""",
        account,
    )
    if not found:
        raise AccountUnknown(f"Account '{account}' not found", field="account_name")
    return [row[0] for row in found if row[0] is not None]


async def open_executors_on(rows: Rows, account: str, connector: str | None, trading_pair: str | None) -> list[str]:
    """The executors of an account that have not ended, on any market of the connector and pair, where given."""
    found = await rows.fetch(
        """SELECT executor_id FROM executors WHERE closed_at IS NULL AND account = $1
            AND ($2::text IS NULL OR connectors ? $2::text)
            AND ($3::text IS NULL OR markets @> jsonb_build_array(jsonb_build_object('trading_pair', $3::text)))
        ORDER BY created_at, executor_id""",
        account,
        connector,
        trading_pair,
    )
    return [row[0] for row in found]


@dataclass(frozen=True, slots=True)
class FundingRow:
    """A funding payment; negative when it was paid."""

    trading_pair: str
    exchange_funding_id: str
    amount: Decimal
    token: str
    time: datetime


async def funding_since(rows: Rows, account: str, connector: str, since: datetime) -> list[FundingRow]:
    """A session's funding payments since then, oldest first."""
    found = await rows.fetch(
        """SELECT trading_pair, exchange_funding_id, amount, token, time FROM funding_payments
        WHERE account = $1 AND connector = $2 AND time >= $3 ORDER BY time, funding_payment_id""",
        account,
        connector,
        since,
    )
    return [FundingRow(*row) for row in found]
