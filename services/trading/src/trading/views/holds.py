"""The table of position holds: one row for account, connector, pair and controller, and what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from contracts.trading import HeldPosition, PositionHeld, PositionHoldCleared
from contracts.trading.funding import FundingShared
from eventlog.recorded import Recorded
from eventlog.statements import Statement, Write
from sqlalchemy import Boolean, Column, DateTime, Index, MetaData, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from trading.views.executor_report import HeldTotals
from trading.views.paging import Rows

metadata = MetaData()

SUMS = tuple(HeldPosition.model_fields)

position_holds = Table(
    "position_holds",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    Column("trading_pair", Text, primary_key=True),
    Column("controller_id", Text, primary_key=True),
    Column("active", Boolean, nullable=False),
    *(Column(name, Numeric, nullable=False) for name in SUMS),
    Column("executor_ids", JSONB, nullable=False),
    Column("funding_quote", Numeric, nullable=False, server_default="0"),
    # What holds of this key that were cleared had earned and paid.
    Column("cleared_pnl", Numeric, nullable=False, server_default="0"),
    Column("cleared_fees", Numeric, nullable=False, server_default="0"),
    Column("cleared_funding", Numeric, nullable=False, server_default="0"),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
Index("position_holds_by_controller", position_holds.c.controller_id)

KEY = "account, connector, trading_pair, controller_id"
_HELD = Statement(
    text(
        f"""INSERT INTO position_holds AS hold ({KEY}, active, {", ".join(SUMS)}, executor_ids, updated_at)
        VALUES (:account, :connector, :trading_pair, :controller_id, true,
            {", ".join(f"CAST(:{name} AS numeric)" for name in SUMS)}, jsonb_build_array(CAST(:executor_id AS text)), :time)
        ON CONFLICT ({KEY}) DO UPDATE SET active = true, {", ".join(f"{name} = excluded.{name}" for name in SUMS)},
            executor_ids = CASE WHEN NOT hold.active THEN excluded.executor_ids
                WHEN hold.executor_ids @> excluded.executor_ids THEN hold.executor_ids
                ELSE hold.executor_ids || excluded.executor_ids END,
            updated_at = excluded.updated_at"""  # noqa: S608 - constants
    )
)
_ACTIVE = """SELECT * FROM position_holds WHERE active AND ($1::text IS NULL OR controller_id = $1)
    ORDER BY account, connector, trading_pair, controller_id"""
_CLEARED = Statement(
    text(
        f"""UPDATE position_holds SET active = false, cleared_pnl = cleared_pnl + realized_pnl_quote,
            cleared_fees = cleared_fees + cum_fees_quote, cleared_funding = cleared_funding + funding_quote, funding_quote = 0,
            {", ".join(f"{name} = 0" for name in SUMS)},
            executor_ids = '[]'::jsonb, updated_at = :time
        WHERE account = :account AND connector = :connector AND trading_pair = :trading_pair
            AND controller_id = :controller_id"""  # noqa: S608 - constants
    )
)

_FUNDED = Statement(
    text(
        """UPDATE position_holds SET funding_quote = funding_quote + CASE WHEN active THEN CAST(:amount AS numeric) ELSE 0 END,
            cleared_funding = cleared_funding + CASE WHEN active THEN 0 ELSE CAST(:amount AS numeric) END
        WHERE account = :account AND connector = :connector AND trading_pair = :trading_pair
            AND controller_id = :controller_id"""
    )
)


class HoldsView:
    """Projects what executors kept onto its row."""

    name = "holds"
    metadata = metadata

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """One write for an event of a hold, and one for each share of funding; none for others."""
        event = recorded.event
        if isinstance(event, FundingShared):
            yield from _funded(event)
            return
        if not isinstance(event, PositionHeld | PositionHoldCleared):
            return
        key = {name: getattr(event, name) for name in ("account", "connector", "trading_pair", "controller_id", "time")}
        if isinstance(event, PositionHeld):
            sums = {name: getattr(event.position, name) for name in SUMS}
            yield _HELD.bind(**key, **sums, executor_id=event.executor_id)
        else:
            yield _CLEARED.bind(**key)


def _funded(event: FundingShared) -> Iterable[Write]:
    for share in event.shares:
        if share.executor_id is None:
            yield _FUNDED.bind(
                account=event.account,
                connector=event.connector,
                trading_pair=event.trading_pair,
                controller_id=share.controller_id,
                amount=share.amount,
            )


async def active_holds(rows: Rows, controller_id: str | None) -> Sequence[Any]:
    """The rows of what is held, of one controller or all. Raises Unavailable."""
    return await rows.fetch(_ACTIVE, controller_id)


async def active_hold(rows: Rows, account: str, connector: str, trading_pair: str, controller_id: str) -> Any | None:
    """The row of one hold, or None. Raises Unavailable."""
    found = await rows.fetch(
        """SELECT * FROM position_holds WHERE active AND account = $1 AND connector = $2 AND trading_pair = $3
            AND controller_id = $4""",
        account,
        connector,
        trading_pair,
        controller_id,
    )
    return found[0] if found else None


async def held_totals(rows: Rows, controller_id: str | None, unrealized: Decimal) -> HeldTotals:
    """What holds add to a report, those that were cleared included. Raises Unavailable."""
    found = await rows.fetch(
        """SELECT count(*) FILTER (WHERE active) AS active, coalesce(sum(realized_pnl_quote + cleared_pnl), 0) AS realized,
            coalesce(sum(cum_fees_quote + cleared_fees), 0) AS fees
        FROM position_holds WHERE $1::text IS NULL OR controller_id = $1""",
        controller_id,
    )
    return HeldTotals(found[0]["active"], found[0]["realized"], found[0]["fees"], unrealized)


def unrealized(row: Any, price: Decimal | None) -> Decimal | None:
    """What closing the open remainder at `price` would earn, before fees; None without a price for what is open."""
    if not row["open_base"]:
        return Decimal(0)
    if price is None:
        return None
    worth = row["open_base"] * price
    cost = row["open_quote"] if row["open_base"] > 0 else -row["open_quote"]
    return Decimal(worth - cost)


def hold(row: Any, prices: Mapping[str, Decimal | None]) -> dict[str, Any]:
    """A hold as contract 8.13 shows it. Breakevens are of the open remainder: only the side that is open has one."""
    open_base, profit = row["open_base"], unrealized(row, prices.get(row["trading_pair"]))
    breakeven = float(row["open_quote"] / abs(open_base)) if open_base else None
    executor_ids = json.loads(row["executor_ids"])
    return {
        **{name: row[name] for name in ("trading_pair", "controller_id")},
        "connector_name": row["connector"],
        "account_name": row["account"],
        **{name: float(row[name]) for name in SUMS if not name.startswith("open_")},
        "net_amount_base": float(open_base),
        "funding_quote": float(row["funding_quote"]),
        "buy_breakeven_price": breakeven if open_base > 0 else None,
        "sell_breakeven_price": breakeven if open_base < 0 else None,
        "unmatched_amount_base": float(abs(open_base)),
        "position_side": "LONG" if open_base > 0 else "SHORT" if open_base < 0 else "FLAT",
        "unrealized_pnl_quote": None if profit is None else float(profit),
        "executor_count": len(executor_ids),
        "executor_ids": executor_ids,
        "last_updated": row["updated_at"].isoformat(),
    }
