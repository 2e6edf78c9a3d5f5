"""The figures of running executors, sampled while they run. No facts: nothing is lost with them but the last two seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_json
from sqlalchemy import Column, DateTime, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from trading.views.paging import Rows

metadata = MetaData()

executor_figures = Table(
    "executor_figures",
    metadata,
    Column("executor_id", Text, primary_key=True),
    Column("net_pnl_quote", Numeric, nullable=False),
    Column("net_pnl_pct", Numeric, nullable=False),
    Column("cum_fees_quote", Numeric, nullable=False),
    Column("filled_amount_quote", Numeric, nullable=False),
    Column("custom_info", JSONB, nullable=False),
    Column("sampled_at", DateTime(timezone=True), nullable=False),
)

_KEEP = """INSERT INTO executor_figures AS kept (executor_id, net_pnl_quote, net_pnl_pct, cum_fees_quote, filled_amount_quote,
    custom_info, sampled_at)
SELECT id, pnl, pct, fees, volume, info::jsonb, now()
FROM unnest($1::text[], $2::numeric[], $3::numeric[], $4::numeric[], $5::numeric[], $6::text[])
    AS sample (id, pnl, pct, fees, volume, info)
ORDER BY id
ON CONFLICT (executor_id) DO UPDATE SET net_pnl_quote = excluded.net_pnl_quote, net_pnl_pct = excluded.net_pnl_pct,
    cum_fees_quote = excluded.cum_fees_quote, filled_amount_quote = excluded.filled_amount_quote,
    custom_info = excluded.custom_info, sampled_at = excluded.sampled_at"""
_FORGET = """DELETE FROM executor_figures WHERE NOT EXISTS (
    SELECT FROM executors WHERE executors.executor_id = executor_figures.executor_id AND closed_at IS NULL)"""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a running executor says of itself now."""

    executor_id: str
    figures: dict[str, Decimal]
    custom_info: dict[str, JsonValue]


async def keep_samples(rows: Rows, samples: Sequence[Sample]) -> None:
    """Replace the figures of these executors in one write, and forget those of ended ones. Raises Unavailable."""
    await rows.fetch(_FORGET)
    if not samples:
        return
    columns: list[list[Any]] = [
        [each.figures[name] for each in samples]
        for name in ("net_pnl_quote", "net_pnl_pct", "cum_fees_quote", "filled_amount_quote")
    ]
    infos = [to_json(each.custom_info, inf_nan_mode="null").decode() for each in samples]
    await rows.fetch(_KEEP, [each.executor_id for each in samples], *columns, infos)
