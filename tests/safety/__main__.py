"""`python -m tests.safety --orders 10000 --accounts 25 --seed N [--reports DIRECTORY]`: a round on a stack of its own."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path

from tests.safety import page
from tests.safety.round import run
from tests.stack import running


def main() -> int:
    """Run a round; 0 when the books agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.safety")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=25)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--reports", type=Path, default=Path(".hummingbus-reports"))
    wanted = parser.parse_args()
    sys.stdout.write(f"order safety: {wanted.orders} orders, {wanted.accounts} accounts, --seed {wanted.seed}\n")
    sys.stdout.flush()
    with running() as stack:
        report = asyncio.run(run(stack, orders=wanted.orders, accounts=wanted.accounts, seed=wanted.seed))
    written = page.write(report, wanted.reports)
    sys.stdout.write(f"{'good' if report.good else 'WRONG'}: {written}\n")
    for line in (line for kind in report.wrong.values() for line in kind):
        sys.stdout.write(f"  {line}\n")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
