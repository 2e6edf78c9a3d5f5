"""Order safety in short: 500 orders over 5 accounts with every fault and every harm, then exact books."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.safety import page
from tests.safety.faults import RECIPES
from tests.safety.harms import HARMS
from tests.safety.round import run
from tests.stack import Stack, running

ORDERS, ACCOUNTS = 500, 5
SEED = 20260101
"""Every run of the tests meets the same faults; `make safety` draws others."""
REPORTS = Path(__file__).resolve().parents[2] / ".hummingbus-reports" / "short"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack whose sessions look for what they missed more often than they would: the round's end waits for that."""
    with running(TRADING_RECONCILE_INTERVAL="10") as started:
        yield started


@pytest.mark.timeout(1500)
async def test_nothing_is_lost_or_doubled(stack: Stack) -> None:
    """`SAFETY_SEED` asks for another round."""
    seed = int(os.environ.get("SAFETY_SEED") or SEED)
    print(f"SAFETY_SEED={seed}")  # noqa: T201 - shown when the test fails
    report = await run(stack, orders=ORDERS, accounts=ACCOUNTS, seed=seed)
    page.write(report, REPORTS)
    assert report.good, report.document()
    assert set(report.recoveries) == set(HARMS)
    assert set(report.faults_injected) == set(RECIPES)
    assert report.counted["fills"] > 0
    assert report.counted["unknown: submit"] > 0
