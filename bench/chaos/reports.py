"""Whether holds, performance reports and the summary are the sums of the executors they tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal, localcontext
from typing import Any

import httpx

from bench.chaos.cases import PAIRED, Case
from bench.chaos.reading import holds, performance
from bench.chaos.sums import Fill, held, summed
from tests.safety.checker import Verdict
from tests.safety.journal import EXACT

type Figures = dict[str, Decimal]


async def judge_reports(verdict: Verdict, http: httpx.AsyncClient, cases: Sequence[Case], before: Figures) -> Figures:
    """Those of every executor's own controller, and those of all; `before` are the sums of earlier rounds. The new sums."""
    found = await holds(http)
    totals = dict(before)
    for case in cases:
        _judge_hold(verdict, case, found.get(case.plan.key, []))
        expected = _figures(case)
        _compare(verdict, case.name, await performance(http, case.plan.key), expected)
        with localcontext(EXACT):
            totals = {name: totals.get(name, Decimal(0)) + value for name, value in expected.items()}
    _compare(verdict, "all executors", await performance(http, None), totals)
    summary = (await http.get("/executors/summary")).raise_for_status().json()
    if summary["total_active"] or summary["total_pnl_quote"]:
        verdict.wrong["wrong_reports"].append(f"nothing is active, and the summary says {summary}")
    return totals


def _figures(case: Case) -> Figures:
    """What a performance report adds for it: its profit, or that of its hold less the hold's fees."""
    sums = summed(case.fills, paired=case.type in PAIRED)
    figures = {"total_executors": Decimal(1), "fees_total_quote": sums.fees, "volume_total_quote": sums.volume}
    with localcontext(EXACT):
        if case.keeps:
            kept = [held(fills) for fills in _by_market(case).values()]
            profit = sum((each.realized_pnl_quote - each.cum_fees_quote for each in kept), Decimal(0))
        else:
            profit = sums.profit
        return figures | {"pnl_total_quote": profit}


def _by_market(case: Case) -> dict[tuple[str, str], list[Fill]]:
    found: dict[tuple[str, str], list[Fill]] = {}
    for fill in case.fills:
        found.setdefault((fill.connector, fill.base), []).append(fill)
    return found


def _compare(verdict: Verdict, name: str, report: Mapping[str, Any], expected: Figures) -> None:
    for field, value in expected.items():
        if report[field] != float(value):
            verdict.wrong["wrong_reports"].append(f"{name}: {field} is {report[field]!r} in the report, not {value:f}")


def _judge_hold(verdict: Verdict, case: Case, found: Sequence[Mapping[str, Any]]) -> None:
    markets = _by_market(case) if case.keeps else {}
    shown = {(each["connector_name"], each["trading_pair"].partition("-")[0]): each for each in found}
    if shown.keys() != markets.keys():
        verdict.wrong["wrong_holds"].append(f"{case.name}: held on {sorted(shown)}, not on {sorted(markets)}")
        return
    for market, fills in markets.items():
        for field, value in asdict(held(fills)).items():
            if shown[market][field] != float(value):
                told = shown[market][field]
                verdict.wrong["wrong_holds"].append(f"{case.name}: {field} on {market} is {told!r}, not {value:f}")
