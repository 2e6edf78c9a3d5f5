"""Table: snapshots of the portfolio, one row for each session and time; all rows of a snapshot share its time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from contracts.accounts import GetPortfolioHistory
from eventlog.log import EventLog
from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData()

HISTORY = Table(
    "portfolio_history",
    METADATA,
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    # [[token, units, available units, price], ...], amounts as text.
    Column("holdings", JSONB, nullable=False),
    Index("portfolio_history_account", "account", "connector", "at"),
)

RAW = timedelta(microseconds=1)
"""The spacing that leaves nothing out: the resolution of the time column."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FAR_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)

_INSERT = """
INSERT INTO portfolio_history (at, account, connector, holdings)
SELECT $1, account, connector, holdings FROM unnest($2::text[], $3::text[], $4::jsonb[]) AS given (account, connector, holdings)
ON CONFLICT DO NOTHING
"""

# Each step is one look into the index: a page costs the same at any depth, and never reads what it leaves out.
_POINTS = """
WITH RECURSIVE points (at, step) AS (
    (SELECT max(at), 1 FROM portfolio_history
     WHERE at >= $1 AND at <= $2 AND ($3::text[] IS NULL OR account = ANY($3)) AND ($4::text[] IS NULL OR connector = ANY($4)))
    UNION ALL
    SELECT (
        SELECT max(older.at) FROM portfolio_history AS older
        WHERE older.at >= $1 AND older.at <= points.at - $5::interval
        AND ($3::text[] IS NULL OR older.account = ANY($3)) AND ($4::text[] IS NULL OR older.connector = ANY($4))
    ), step + 1
    FROM points WHERE points.at IS NOT NULL AND step < $6
)
SELECT at FROM points WHERE at IS NOT NULL ORDER BY at DESC
"""

_ROWS = """
SELECT at, account, connector, holdings FROM portfolio_history
WHERE at = ANY($1::timestamptz[])
AND ($2::text[] IS NULL OR account = ANY($2)) AND ($3::text[] IS NULL OR connector = ANY($3))
ORDER BY at DESC, account COLLATE "C", connector COLLATE "C"
"""

_THIN = """
DELETE FROM portfolio_history WHERE at >= $1 AND at < $2 AND at NOT IN (
    SELECT max(at) FROM portfolio_history WHERE at >= $1 AND at < $2 GROUP BY date_bin($3::interval, at, $4)
)
"""
_DROP = "DELETE FROM portfolio_history WHERE at >= $1 AND at < $2"


type Snapshot = tuple[str, str, list[list[str]]]
"""(account, connector, [[token, units, available units, price], ...]); amounts as text."""


async def save_snapshot(log: EventLog, at: datetime, rows: Sequence[Snapshot]) -> None:
    """Store the portfolio as of `at`; what another replica stored for the same time stays."""
    accounts = [account for account, _, _ in rows]
    connectors = [connector for _, connector, _ in rows]
    await log.fetch(_INSERT, at, accounts, connectors, [json.dumps(holdings) for _, _, holdings in rows])


async def has_history(log: EventLog) -> bool:
    """Whether there is any snapshot."""
    return bool(await log.fetch("SELECT FROM portfolio_history LIMIT 1"))


async def points_before(
    log: EventLog, query: GetPortfolioHistory, spacing: timedelta | None, cursor: datetime | None
) -> list[datetime]:
    """The times of the page after `cursor`, newest first, and one more when there is one.

    Points are at least `spacing` apart, counted from the newest, across pages; None leaves nothing out.
    """
    step = spacing or RAW
    until = query.end_time or FAR_FUTURE
    if cursor is not None:
        until = min(until, cursor - step)
    rows = await log.fetch(_POINTS, query.start_time or BEGINNING, until, *_filters(query), step, query.limit + 1)
    return [row["at"] for row in rows]


async def snapshots_at(log: EventLog, query: GetPortfolioHistory, times: Sequence[datetime]) -> list[tuple[datetime, Snapshot]]:
    """The rows of these times, newest first, then by account and connector."""
    rows = await log.fetch(_ROWS, list(times), *_filters(query))
    return [(row["at"], (row["account"], row["connector"], json.loads(row["holdings"]))) for row in rows]


async def thin(log: EventLog, since: datetime, until: datetime, bucket: timedelta | None) -> None:
    """Keep only the newest snapshot of each bucket (counted from 1970) in `since <= at < until`; None: keep none."""
    if bucket is None:
        await log.fetch(_DROP, since, until)
    else:
        await log.fetch(_THIN, since, until, bucket, BEGINNING)


def _filters(query: GetPortfolioHistory) -> tuple[list[str] | None, list[str] | None]:
    return list(query.account_names or ()) or None, list(query.connector_names or ()) or None
