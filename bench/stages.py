"""Where the time of an order goes: what trading's own histograms counted between two looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from service_kit.metrics import measured

from tests.stack import Stack

STAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "taken from NATS until answered, the intent stored": ("message_handling_seconds", {"message": "PlaceOrder"}),
    "... of that, and of all appends: queued until committed": ("append_seconds", {}),
    "intent stored until it is sent": ("order_stage_seconds", {"stage": "submitted"}),
    "intent stored until the acknowledgement is stored": ("order_stage_seconds", {"stage": "acknowledged"}),
    "commit until published": ("relay_delay_seconds", {}),
    "lateness of the event loop, looked at once a second": ("event_loop_lag_seconds", {}),
}
"""The metric and labels of each stage."""


@dataclass(frozen=True)
class Counted:
    """One histogram: its sum in seconds, and how many values were at most each bound."""

    total: float
    buckets: Mapping[float, float]

    def since(self, before: Counted) -> Counted:
        """What came after `before`."""
        return Counted(self.total - before.total, {bound: n - before.buckets[bound] for bound, n in self.buckets.items()})

    def figures(self) -> dict[str, float]:
        """Count, mean and percentiles in milliseconds; within a bucket values are taken as evenly spread."""
        count = max(self.buckets.values())
        if not count:
            return {"count": 0}
        shown = {"count": int(count), "mean_ms": round(1000 * self.total / count, 2)}
        return shown | {f"p{part}_ms": round(1000 * self._percentile(part / 100 * count), 1) for part in (50, 99)}

    def _percentile(self, rank: float) -> float:
        low, below = 0.0, 0.0
        for bound, n in sorted(self.buckets.items()):
            if n >= rank:
                return low if bound == float("inf") else low + (bound - low) * (rank - below) / (n - below)
            low, below = bound, n
        return low


def look(stack: Stack) -> dict[str, Counted]:
    """The histograms of all stages now."""
    port = json.loads(stack.run("status", "--json"))["ports"]["trading-health"]
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    return {stage: _histogram(text, *series) for stage, series in STAGES.items()}


def between(before: Mapping[str, Counted], after: Mapping[str, Counted]) -> dict[str, dict[str, float]]:
    """The figures of each stage."""
    return {stage: after[stage].since(before[stage]).figures() for stage in after}


def _histogram(text: str, name: str, labels: Mapping[str, str]) -> Counted:
    def of(suffix: str) -> list[tuple[dict[str, str], float]]:
        return [(own, value) for own, value in measured(text, f"hummingbus_{name}_{suffix}") if labels.items() <= own.items()]

    return Counted(sum(value for _, value in of("sum")), {float(own["le"]): value for own, value in of("bucket")})
