"""Leases: one holder at a time, a growing fence, and an end in time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

import psutil
import pytest
import service_kit.leases
from contracts import naming
from contracts.rejections import Unavailable
from eventually import eventually
from service_kit.bus import Bus
from service_kit.leases import Leases
from service_kit.process_identity import is_dead, this_process

TTL = 1.2


def leases(bus: Bus, log, holder: str = "r1") -> Leases:
    return Leases(bus, log, holder=holder, ttl=TTL)


async def test_one_holder_until_released(log, bus):
    one, two = leases(bus, log), leases(bus, log, "r2")
    first = await one.acquire("session", "a1.binance")
    assert first is not None
    assert first.held
    assert await two.acquire("session", "a1.binance") is None
    assert await two.acquire("session", "a2.binance") is not None
    await asyncio.sleep(1.5 * TTL)
    assert first.held
    assert await two.acquire("session", "a1.binance") is None
    await first.release()
    assert not first.held
    second = await two.acquire("session", "a1.binance")
    assert second is not None
    assert second.fence.token > first.fence.token
    await one.stop()
    await two.stop()


async def test_a_lost_race_does_not_raise_the_fence(log, bus):
    one, two = leases(bus, log), leases(bus, log, "r2")
    first = await one.acquire("session", "a1.binance")
    assert await two.acquire("session", "a1.binance") is None
    await first.release()
    again = await two.acquire("session", "a1.binance")
    assert again.fence.token == first.fence.token + 1
    await two.stop()


async def test_a_holder_without_nats_stops_before_another_can_start(log, killable_nats):
    bus = Bus("trading", killable_nats.url)
    await bus.start()
    lease = await leases(bus, log).acquire("session", "a1.binance")
    taken = time.monotonic()
    killable_nats.kill()
    async with asyncio.timeout(2 * TTL):
        await lease.lost.wait()
    assert not lease.held
    assert time.monotonic() - taken < TTL
    await bus.stop()


async def test_a_short_restart_of_nats_keeps_the_lease(log, killable_nats):
    bus = Bus("trading", killable_nats.url)
    await bus.start()
    mine = Leases(bus, log, holder="r1", ttl=6)
    lease = await mine.acquire("session", "a1.binance")
    await asyncio.sleep(0.2)
    killable_nats.kill()
    await asyncio.sleep(0.5)
    await killable_nats.start()
    await eventually(lambda: bus.connected)
    deadline = lease._deadline
    await eventually(lambda: lease._deadline > deadline)
    assert lease.held
    assert await Leases(bus, log, holder="r2", ttl=6).acquire("session", "a1.binance") is None
    await mine.stop()
    await bus.stop()


async def test_a_wiped_bucket_loses_the_lease_and_the_fence_still_grows(log, bus):
    lease = await leases(bus, log).acquire("session", "a1.binance")
    await bus.jetstream.delete_stream(naming.bucket_stream(naming.LEASE_BUCKET))
    second = await leases(bus, log, "r2").acquire("session", "a1.binance")
    assert second.fence.token == lease.fence.token + 1
    async with asyncio.timeout(TTL):
        await lease.lost.wait()
    assert second.held
    await second.release()


async def test_a_bucket_of_an_earlier_version_is_given_our_ttl(log, bus):
    old = Leases(bus, log, holder="r1", ttl=60)
    await (await old.acquire("session", "a1.binance")).release()
    lease = await leases(bus, log).acquire("session", "a2.binance")
    bucket = await bus.jetstream.key_value(naming.LEASE_BUCKET)
    assert (await bucket.status()).ttl == TTL
    await lease.release()


async def test_the_living_holders_of_a_noun_are_known(log, bus):
    one, two = leases(bus, log), leases(bus, log, "r2")
    await one.acquire("replica", "r1")
    gone = await two.acquire("replica", "r2")
    await two.acquire("session", "a1.binance")
    assert await one.holders("replica") == {"r1", "r2"}
    await gone.release()
    assert await one.holders("replica") == {"r1"}
    await one.stop()
    await two.stop()


async def test_a_machine_that_slept_holds_nothing(log, bus, monkeypatch):
    lease = await leases(bus, log).acquire("session", "a1.binance")
    slept = service_kit.leases.now() + TTL
    monkeypatch.setattr(service_kit.leases, "now", lambda: slept)
    assert not lease.held
    await lease.release()


async def test_a_renewal_whose_answer_was_lost_is_recognised(log, bus):
    lease = await leases(bus, log).acquire("session", "a1.binance")
    lease._entry._revision -= 1
    await asyncio.sleep(TTL)
    assert lease.held
    await lease.release()


async def test_without_a_lease_store_it_is_unavailable(log, killable_nats):
    bus = Bus("trading", killable_nats.url)
    await bus.start()
    killable_nats.kill()
    await eventually(lambda: not bus.connected)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(leases(bus, log).acquire("session", "a1.binance"), 8)
    await bus.stop()


async def left_by(process: subprocess.Popen, bus: Bus, log) -> None:
    """A lease as the process would have taken it."""
    await (await leases(bus, log).acquire("session", "warm.up")).release()
    left = {**this_process(), "pid": process.pid, "started": psutil.Process(process.pid).create_time()}
    bucket = await bus.jetstream.key_value(naming.LEASE_BUCKET)
    await bucket.create(naming.lease_key("session", "a1.binance"), json.dumps({"lease": "theirs", "process": left}).encode())


async def test_the_lease_of_a_killed_process_is_free_at_once(log, bus):
    process = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220
    await left_by(process, bus, log)
    assert await leases(bus, log).acquire("session", "a1.binance") is None
    process.kill()
    process.wait()
    one, two = leases(bus, log), leases(bus, log, "r2")
    first, second = await asyncio.gather(one.acquire("session", "a1.binance"), two.acquire("session", "a1.binance"))
    assert (first is None) != (second is None)
    await one.stop()
    await two.stop()


def test_a_process_elsewhere_is_not_known_to_be_dead():
    mine = this_process()
    assert not is_dead(mine)
    assert is_dead({**mine, "started": mine["started"] - 100})
    assert not is_dead({**mine, "started": mine["started"] - 100, "machine": "another"})
    assert not is_dead({})
