"""What an idle stack costs and how long it takes to start: `python -m bench.idle [seconds]`."""

from __future__ import annotations

import json
import re
import sys
import time

import httpx

from bench.processes import cpu_seconds, memory_bytes, pids
from bench.report import Figures, show, table
from tests.stack import Stack, running

STAGES = ("imports", "database", "nats", "hooks", "serving", "checks")
STAGE_METRIC = "hummingbus_start_seconds"
SETTLE = 5.0
"""Seconds after the start that are not counted."""


def measure(seconds: float = 10.0) -> Figures:
    """Memory (proportional, so that the sum is the machine's), share of one core, and start-up by process."""
    begun = time.perf_counter()
    with running() as stack:
        started = time.perf_counter() - begun
        time.sleep(SETTLE)
        states, known = stack.processes(), pids(stack)
        stages = start_stages(stack)
        before, at = cpu_seconds(known), time.perf_counter()
        time.sleep(seconds)
        after, elapsed = cpu_seconds(known), time.perf_counter() - at
        memory = memory_bytes(known)
    processes = {
        name: {
            "memory_mib": round(memory[name] / 2**20, 1),
            "cpu_percent": round(100 * (after[name] - before[name]) / elapsed, 2),
            "ready_ms": states[name]["ready_ms"],
            **{f"{stage}_ms": stages.get(name, {}).get(stage) for stage in STAGES},
        }
        for name in known
    }
    whole = {
        "memory_mib": round(sum(process["memory_mib"] for process in processes.values()), 1),
        "cpu_percent": round(sum(process["cpu_percent"] for process in processes.values()), 2),
        "ready_ms": round(1000 * started),
        **dict.fromkeys((f"{stage}_ms" for stage in STAGES), None),
    }
    return {"seconds": seconds, "processes": {**processes, "whole stack": whole}}


def start_stages(stack: Stack) -> dict[str, dict[str, int]]:
    """Milliseconds of each stage of the start, by service, as the services measured them."""
    ports = json.loads((stack.home / "run/ports.json").read_text())
    found: dict[str, dict[str, int]] = {}
    for name, port in ports.items():
        if name.endswith("-health"):
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
            samples = re.findall(rf'^{STAGE_METRIC}{{stage="(\w+)"}} (\S+)$', text, re.MULTILINE)
            found[name.removesuffix("-health")] = {stage: round(1000 * float(seconds)) for stage, seconds in samples}
    return found


def tables(figures: Figures) -> str:
    """The figures as Markdown."""
    rows = [(name, *process.values()) for name, process in figures["processes"].items()]
    text = (
        f"Measured for {figures['seconds']:g} s without a request. `ready ms` is the time from a process's start until it is "
        "ready; of the whole stack, that of `hummingbus up` in an empty home. Behind it are the services' own figures: "
        "`imports` is from the process's start until all is imported and composed, `database` connects and makes the tables, "
        "`checks` is from serving until every readiness check passed."
    )
    columns = ("", "memory MiB", "% of one core", "ready ms", *(f"{stage} ms" for stage in STAGES))
    return f"{text}\n\n{table(columns, rows)}"


if __name__ == "__main__":
    found = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
    show(found, tables(found))
