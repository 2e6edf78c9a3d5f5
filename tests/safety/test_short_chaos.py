"""Chaos in short: one round with an executor of every type on every market, faults, harms and cuts; then exact books."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.chaos import page
from bench.chaos.round import Wanted
from bench.chaos.run import played

SEED = 20260102
"""Every run of the tests meets the same plans; `make chaos` draws others."""
REPORTS = Path(__file__).resolve().parents[2] / ".hummingbus-reports" / "short"


@pytest.mark.timeout(1200)
def test_no_executor_leaves_anything_behind() -> None:
    """`CHAOS_SEED` asks for another round."""
    seed = int(os.environ.get("CHAOS_SEED") or SEED)
    print(f"CHAOS_SEED={seed}")  # noqa: T201 - shown when the test fails
    report = played(seed, 1, Wanted(each=1, seconds=20, harms=2), 1, REPORTS)
    page.write(report, REPORTS)
    assert report.good, [each.wrong for each in report.rounds]
    [done] = report.rounds
    assert done.counted["executors"] >= 10
    assert done.counted["fills"] > 0
