"""How long an event needs from being recorded to a subscriber of JetStream's subjects, at a steady rate of appends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contracts import naming
from contracts.message import Event, Metadata
from eventlog.log import EventLog
from service_kit.bus import Bus
from service_kit.relay import Relay
from service_kit.supervisor import Supervisor


async def relay_lag(log: EventLog, nats_url: str, events: Sequence[Event], *, rate: float, seconds: float) -> dict[str, float]:
    """Median and p99 in ms over `rate * seconds` appends; the running `log` is empty. The commit is part of the lag."""
    bus, supervisor = Bus("trading", nats_url), Supervisor()
    await bus.start()
    heard: asyncio.Queue[float] = asyncio.Queue()

    async def take(message: Any) -> None:
        recorded = datetime.fromisoformat((message.headers or {})[naming.HEADER_RECORDED_AT])
        heard.put_nowait((datetime.now(UTC) - recorded).total_seconds())

    await bus.client.subscribe(naming.event_stream_subjects(log.context), cb=take)
    supervisor.start("relay", Relay(bus, log, log.context).run)
    await log.append("trading.order-first", 0, events, Metadata())
    for _ in events:
        await heard.get()
    count, started = int(rate * seconds), time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
        await log.append(f"trading.order-{number}", 0, events, Metadata())
    async with asyncio.timeout(30):
        lags = sorted([await heard.get() for _ in range(count * len(events))])
    await supervisor.stop()
    await bus.stop()
    return {
        "events_per_second": rate * len(events),
        "p50_ms": round(1000 * lags[len(lags) // 2], 2),
        "p99_ms": round(1000 * lags[len(lags) * 99 // 100], 2),
    }
