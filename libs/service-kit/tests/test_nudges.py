"""Nudges between replicas, with a real server."""

from __future__ import annotations

from collections import Counter

from contracts import naming
from eventually import eventually
from service_kit.bus import Bus
from service_kit.nudges import Nudges

SUBJECT = naming.wake_subject("trading", "executor")


async def test_all_replicas_look(nats_url: str) -> None:
    looked: Counter[str] = Counter()
    buses = {name: Bus("trading", nats_url, replica=name) for name in ("one", "two")}
    nudges = {name: Nudges(bus, SUBJECT) for name, bus in buses.items()}
    for name, bus in buses.items():
        await bus.start()
        await nudges[name].start(lambda name=name: looked.update([name]))
        await bus.settle()
    await nudges["one"].send()
    await eventually(lambda: looked == {"one": 1, "two": 1})
    await nudges["two"].stop()
    await nudges["one"].send()
    await eventually(lambda: looked == {"one": 2, "two": 1})
    for name, bus in buses.items():
        await nudges[name].stop()
        await bus.stop()


async def test_nobody_is_nudged_without_a_server() -> None:
    await Nudges(Bus("trading", "nats://127.0.0.1:1"), SUBJECT).send()
