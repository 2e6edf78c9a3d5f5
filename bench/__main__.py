"""`python -m bench [gateway candles eventlog ...]`: runs all benchmarks, or those named (the keys of BENCHMARKS).

Writes `bench/RESULTS.md`.
Figures of benchmarks that are not run again are kept, each with the date and commit it was measured at.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import candles, eventlog_append, executors, gateway, idle, market_data, recovery, silent_market, stored_executors
from bench.report import Figures, surroundings

HERE = Path(__file__).parent
FIGURES = HERE / "results.json"
PAGE = HERE / "RESULTS.md"
NOTES = HERE / "notes.md"
"""What people wrote about the figures; it stands at the top of the page."""

INTRODUCTION = """Written by `make bench` from `bench/results.json` and `bench/notes.md`; do not edit. Servers and load
generators share the machine's cores, and other work may have run beside them: `load` is the machine's load average when a
benchmark began."""


@dataclass(frozen=True)
class Benchmark:
    """How to measure, and how to show it."""

    title: str
    measure: Callable[[], Figures]
    tables: Callable[[Figures], str]


BENCHMARKS = {
    "gateway": Benchmark("Gateway", lambda: gateway.measure(gateway.options([])), gateway.tables),
    "eventlog": Benchmark("Event log", eventlog_append.measured, eventlog_append.tables),
    "candles": Benchmark("Historical candles", candles.measure, candles.tables),
    "idle": Benchmark("Idle stack and start-up", idle.measure, idle.tables),
    "executors": Benchmark("Live executors", executors.measure, executors.tables),
    "stored_executors": Benchmark("Stored executors", stored_executors.measure, stored_executors.tables),
    "market_data": Benchmark("Market data", market_data.measure, market_data.tables),
    "silent_market": Benchmark("Beside a silent market", silent_market.measure, silent_market.tables),
    "recovery": Benchmark("Recovery after kill -9", recovery.measure, recovery.tables),
}


def page(results: dict[str, Figures]) -> str:
    """The whole page in Markdown."""
    notes = NOTES.read_text().strip() if NOTES.exists() else ""
    parts = ["# Results of the benchmarks", INTRODUCTION, notes]
    for name, benchmark in BENCHMARKS.items():
        if name in results:
            where = results[name]["surroundings"]
            told = ", ".join(f"{what} {value}" for what, value in where.items())
            parts += [f"## {benchmark.title}", f"_{told}_", benchmark.tables(results[name]["figures"])]
    return "\n\n".join(filter(None, parts)) + "\n"


def main(names: list[str]) -> int:
    """Runs what is named; exit code 2 for an unknown name."""
    if unknown := set(names) - set(BENCHMARKS):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    results: dict[str, Figures] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in names or BENCHMARKS:
        began = surroundings()
        print(f"bench: {name} ...", file=sys.stderr)
        results[name] = {"surroundings": began, "figures": BENCHMARKS[name].measure()}
        FIGURES.write_text(json.dumps(results, indent=2) + "\n")
        PAGE.write_text(page(results))
        print(json.dumps(results[name], indent=2))
        print(BENCHMARKS[name].tables(results[name]["figures"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
