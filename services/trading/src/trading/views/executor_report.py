"""SummariseExecutors and GetExecutorPerformance: the final JSON of contract 8.13, from kept-up totals and open executors."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.trading import CloseType, ExecutorStatus, GetExecutorPerformance
from pydantic_core import to_json

from trading.views.paging import Rows

_OPEN = """SELECT executor_type, connector, status, count(*) AS executors,
    sum(coalesce(f.net_pnl_quote, e.net_pnl_quote)) AS pnl,
    sum(coalesce(f.filled_amount_quote, e.filled_amount_quote)) AS volume,
    sum(coalesce(f.cum_fees_quote, e.cum_fees_quote)) AS fees, sum(e.funding_quote) AS funding
FROM executors e LEFT JOIN executor_figures f USING (executor_id)
WHERE e.closed_at IS NULL AND ($1::text IS NULL OR controller_id = $1) GROUP BY 1, 2, 3"""
_ENDED = """SELECT executor_type, close_type, sum(executors)::bigint AS executors, sum(wins)::bigint AS wins, sum(pnl) AS pnl,
    sum(pnl_squares) AS pnl_squares, sum(pct) AS pct, sum(volume) AS volume, sum(fees) AS fees
FROM executor_totals WHERE $1::text IS NULL OR controller_id = $1 GROUP BY 1, 2 HAVING sum(executors) > 0"""

_FUNDING = "SELECT funding FROM controller_funding WHERE $1::text IS NULL OR controller_id = $1"


@dataclass(frozen=True, slots=True)
class HeldTotals:
    """What position holds add: number, what matched volume earned before fees, fees, the open remainder's profit."""

    active: int = 0
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    unrealized: Decimal = Decimal(0)


async def summarise_executors(rows: Rows) -> bytes:
    """Totals over executors that are not closed."""
    found = await rows.fetch(_OPEN, None)
    summary = {
        "total_active": sum(row["executors"] for row in found),
        "total_pnl_quote": _sum(found, "pnl"),
        "total_volume_quote": _sum(found, "volume"),
        "total_funding_quote": _sum(found, "funding"),
        "by_type": _by(found, "executor_type"),
        "by_connector": _by(found, "connector"),
        "by_status": _by(found, "status"),
    }
    return to_json(summary)


async def executor_performance(rows: Rows, query: GetExecutorPerformance, held: HeldTotals) -> bytes:
    """Totals over all executors, or those of one controller.

    Realised: executors that ended and kept nothing, and what holds have matched, less the holds' fees. What ended executors
    kept is realised as its hold is, so it is not counted twice. `pnl_pct_avg`, `win_rate` and `sharpe_ratio` (mean over sample
    deviation of the executors' net profit in quote) are of those that ended and kept nothing. Funding is no part of the
    engine's profit: it is told apart, and is in `global_pnl_quote`.
    """
    ended, running, funded = await asyncio.gather(*(rows.fetch(sql, query.controller_id) for sql in (_ENDED, _OPEN, _FUNDING)))
    settled = [row for row in ended if row["close_type"] != CloseType.POSITION_HOLD.value]
    count = sum(row["executors"] for row in settled)
    realized = _exact(settled, "pnl") + held.realized - held.fees
    unrealized = _exact(running, "pnl") + held.unrealized
    funding = _exact(funded, "funding")
    statuses = Counter(_by(running, "status"))
    statuses[ExecutorStatus.TERMINATED.value] += sum(row["executors"] for row in ended)
    report = {
        "controller_id": query.controller_id,
        "total_executors": statuses.total(),
        "by_status": {status: number for status, number in statuses.items() if number},
        "pnl_total_quote": float(realized),
        "unrealized_pnl_quote": float(unrealized),
        "global_pnl_quote": float(realized + unrealized + funding),
        "funding_total_quote": float(funding),
        "pnl_pct_avg": float(_exact(settled, "pct") / count) if count else 0.0,
        "fees_total_quote": _sum([*ended, *running], "fees"),
        "volume_total_quote": _sum([*ended, *running], "volume"),
        "win_rate": sum(row["wins"] for row in settled) / count if count else 0.0,
        "sharpe_ratio": sharpe(count, _exact(settled, "pnl"), _exact(settled, "pnl_squares")),
        "by_type": _types(ended, running),
        "active_positions": held.active,
        "position_hold_fees_quote": float(held.fees),
    }
    return to_json(report)


def sharpe(count: int, total: Decimal, squares: Decimal) -> float | None:
    """Mean over sample deviation; None for less than two values or without deviation."""
    if count < 2:
        return None
    spread = count * squares - total * total
    if spread <= 0:
        return None
    return float(total / count / (spread / (count * (count - 1))).sqrt())


def _types(ended: Sequence[Any], running: Sequence[Any]) -> list[dict[str, Any]]:
    by_type: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"completed": 0, "running": 0, "pnl_quote": Decimal(0), "volume_quote": Decimal(0), "fees_quote": Decimal(0)}
    )
    for state, found in (("completed", ended), ("running", running)):
        for row in found:
            entry = by_type[row["executor_type"]]
            entry[state] += row["executors"]
            entry["volume_quote"] += row["volume"]
            entry["fees_quote"] += row["fees"]
            if state == "running" or row["close_type"] != CloseType.POSITION_HOLD.value:
                entry["pnl_quote"] += row["pnl"]
    return [
        {
            "executor_type": name,
            "total": entry["completed"] + entry["running"],
            **{key: float(value) if isinstance(value, Decimal) else value for key, value in entry.items()},
        }
        for name, entry in sorted(by_type.items())
    ]


def _by(found: Iterable[Any], column: str) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in found:
        counted[row[column]] += row["executors"]
    return dict(sorted(counted.items()))


def _exact(found: Iterable[Any], column: str) -> Decimal:
    return sum((row[column] for row in found), Decimal(0))


def _sum(found: Iterable[Any], column: str) -> float:
    return float(_exact(found, column))
