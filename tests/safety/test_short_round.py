"""Order safety in short: 500 orders over 5 accounts with every fault and every kill, then exact books."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.safety import page
from tests.safety.adversary import FAULTS, PROCESSES
from tests.safety.round import run
from tests.stack import Stack

ORDERS, ACCOUNTS = 500, 5
REPORTS = Path(__file__).resolve().parents[2] / ".hummingbus-reports"


@pytest.mark.timeout(900)
async def test_nothing_is_lost_or_doubled(stack: Stack) -> None:
    """`SAFETY_SEED` replays a round."""
    seed = int(os.environ.get("SAFETY_SEED") or random.randrange(2**31))
    print(f"SAFETY_SEED={seed}")  # noqa: T201 - shown when the test fails
    report = await run(stack, orders=ORDERS, accounts=ACCOUNTS, seed=seed)
    page.write(report, REPORTS)
    assert report.good, report.document()
    assert set(report.killed) == set(PROCESSES)
    assert set(report.faults_injected) == set(FAULTS)
    assert report.counted["fills"] > 0
    assert report.counted["outcomes unknown"] > 0
