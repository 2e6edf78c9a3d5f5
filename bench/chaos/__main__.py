"""`python -m bench.chaos --seed N --rounds 20 [--each 1 --seconds 30 --harms 3 --replicas 1]`: rounds on stacks of their own.

The same seed draws the same plans, prices, faults and harms; when each strikes depends on the machine.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from bench.chaos import page
from bench.chaos.round import Wanted
from bench.chaos.run import played


def main() -> int:
    """Play the rounds; 0 when all books agree."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round, to play one of a seed again")
    parser.add_argument("--each", type=int, default=1, help="executors of every type on every market, in a round")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a round's executors live before they are stopped")
    parser.add_argument("--harms", type=int, default=3, help="harms to processes and connections in a round")
    parser.add_argument("--replicas", type=int, default=1, help="trading processes that share the accounts")
    parser.add_argument("--reports", type=Path, default=Path(".hummingbus-reports"))
    given = parser.parse_args()
    sys.stdout.write(f"chaos: {given.rounds} rounds, --seed {given.seed}\n")
    wanted = Wanted(given.each, given.seconds, given.harms)
    report = played(given.seed, given.rounds, wanted, given.replicas, given.reports, given.first)
    written = page.write(report, given.reports)
    sys.stdout.write(f"{'good' if report.good else 'WRONG'}: {written}\n")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
