"""The door to Prometheus: one registry a service, its metrics, and the text that `/metrics` answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service_kit.supervisor import Crash, guarded

__all__ = ["MEDIA_TYPE", "PREFIX", "SECONDS", "Counter", "Gauge", "Histogram", "Metrics"]

logger = logging.getLogger(__name__)

MEDIA_TYPE = CONTENT_TYPE_LATEST
PREFIX = "hummingbus_"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of a histogram of times."""
READ_WITHIN = 2.0


class Metrics:
    """The metrics of one service; a name without its prefix is declared once.

    Labels are for what has few values (message classes, codes, routes): never for ids.
    """

    def __init__(self) -> None:
        """Process, garbage collector and platform are measured from the start."""
        self._registry = CollectorRegistry()
        self._documented: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._readings: list[tuple[tuple[Gauge, ...], Callable[[], Awaitable[None]]]] = []
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=self._registry)

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        """A count that only grows; its name ends with `_total`."""
        return Counter(self._declare(name, meaning, labels), meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        """A number that goes up and down."""
        return Gauge(self._declare(name, meaning, labels), meaning, labels, registry=self._registry)

    def histogram(self, name: str, meaning: str, *labels: str, buckets: Iterable[float] = SECONDS) -> Histogram:
        """How often values were at most each of `buckets`."""
        return Histogram(self._declare(name, meaning, labels), meaning, labels, registry=self._registry, buckets=tuple(buckets))

    def on_scrape(self, read: Callable[[], Awaitable[None]], *gauges: Gauge) -> None:
        """Await `read` before each answer; when it fails or takes too long, `gauges` (without labels) become NaN."""
        self._readings.append((gauges, read))

    def declared(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """The meaning and the labels of each metric of ours, by full name."""
        return dict(self._documented)

    async def text(self) -> bytes:
        """All metrics now, in Prometheus' text format (MEDIA_TYPE)."""
        await asyncio.gather(*(self._read(gauges, read) for gauges, read in self._readings))
        return generate_latest(self._registry)

    def _declare(self, name: str, meaning: str, labels: tuple[str, ...]) -> str:
        full = f"{PREFIX}{name}"
        self._documented[full] = meaning, labels
        return full

    async def _read(self, gauges: Iterable[Gauge], read: Callable[[], Awaitable[None]]) -> None:
        outcome = await guarded(asyncio.wait_for(read(), READ_WITHIN))
        if isinstance(outcome, Crash):
            logger.info("metrics not read: %s", outcome.reason)
            for gauge in gauges:
                gauge.set(nan)


def measured(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """The labels and values of one metric in what `/metrics` answers; none where it is not there."""
    families = text_string_to_metric_families(text)
    return [(dict(one.labels), one.value) for family in families for one in family.samples if one.name == name]
