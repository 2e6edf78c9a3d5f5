"""What trading measures about orders."""

from __future__ import annotations

import time

import uvloop
from prometheus_client.parser import text_string_to_metric_families
from service_kit.metrics import Metrics
from trading.handlers.measures import Measures


def test_an_order_sent_in_the_millisecond_of_its_intent_took_some_time() -> None:
    async def send() -> str:
        metrics = Metrics()
        # uvloop's own clock stands still within a turn of the loop: with it this took 0.0 s or less.
        Measures(metrics).submitted(time.monotonic())
        return (await metrics.text()).decode()

    samples = [each for family in text_string_to_metric_families(uvloop.run(send())) for each in family.samples]
    took = next(each.value for each in samples if each.name == "hummingbus_order_stage_seconds_sum")
    assert 0 < took < 60
