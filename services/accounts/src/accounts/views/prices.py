"""Table: the last price seen of each token, so that a restart or an exchange out of reach does not price it 0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from eventlog.log import EventLog
from sqlalchemy import Column, DateTime, MetaData, Numeric, Table, Text

METADATA = MetaData()

PRICES = Table(
    "prices",
    METADATA,
    Column("token", Text, primary_key=True),
    Column("price", Numeric, nullable=False),
    Column("read_at", DateTime(timezone=True), nullable=False),
)

_SAVE = """
INSERT INTO prices (token, price, read_at)
SELECT token, price, $3 FROM unnest($1::text[], $2::numeric[]) AS given (token, price) ORDER BY token
ON CONFLICT (token) DO UPDATE SET price = excluded.price, read_at = excluded.read_at WHERE prices.read_at < excluded.read_at
"""


async def save_prices(log: EventLog, prices: Mapping[str, Decimal], read_at: datetime) -> None:
    """Remember prices in the quote token, as of `read_at`."""
    await log.fetch(_SAVE, list(prices), list(prices.values()), read_at)


async def last_prices(log: EventLog) -> dict[str, Decimal]:
    """The last known price of each token."""
    return {row["token"]: row["price"] for row in await log.fetch("SELECT token, price FROM prices")}
