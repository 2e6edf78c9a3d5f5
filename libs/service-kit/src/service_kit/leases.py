"""Exclusive leases over NATS KV, with a fencing token from the event log.

The bucket forgets a key that is not renewed within the TTL. The holder measures the same time on its own monotonic clock, from
before each renewal was sent, and stops earlier: there is no moment with two holders who both believe in their lease. Should
a process sleep through that anyway, the log refuses its appends, because the next holder raised the fence.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts import naming
from contracts.rejections import Unavailable
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import APIError, BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from service_kit.bus import NATS_AWAY, Bus
from service_kit.process_identity import is_dead, this_process

if TYPE_CHECKING:
    from eventlog.log import EventLog, Fence

logger = logging.getLogger(__name__)

TTL = 5.0
"""Seconds after which a lease that is not renewed may be taken by another: with the taking it stays under ten."""
SAFE = 0.8
"""The part of the TTL in which the holder believes in its lease."""

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the process is stopped and while the machine sleeps, as the bucket's own time does: `time.monotonic` does not
count a machine's sleep."""


def now() -> float:
    """Seconds on CLOCK."""
    return time.clock_gettime(CLOCK)


class _Entry:
    """Our value under one key of the bucket, and the revision it has there."""

    def __init__(self, bucket: KeyValue, key: str, value: bytes, revision: int) -> None:
        self._bucket = bucket
        self._key = key
        self._value = value
        self._revision = revision

    async def renew(self) -> bool:
        """Write it again. False when another's value, or nothing, is there now. Raises NATS_AWAY."""
        # Read first: in a bucket that was wiped, revisions start over, and ours could be the number of another's value.
        if not await self._find():
            return False
        try:
            self._revision = await self._bucket.update(self._key, self._value, last=self._revision)
        except KeyWrongLastSequenceError:
            # An earlier renewal whose acknowledgement was lost may have been stored just now.
            return await self.renew()
        return True

    async def remove(self) -> None:
        """Take it away if it is still ours. Raises NATS_AWAY."""
        if await self._find():
            await self._bucket.delete(self._key, last=self._revision)

    async def _find(self) -> bool:
        try:
            entry = await self._bucket.get(self._key)
        except KeyNotFoundError:
            return False
        if entry.value != self._value or entry.revision is None:
            return False
        self._revision = entry.revision
        return True


class Lease:
    """A lease that is held and renewed in the background until it is released or `lost` is set.

    Who sees `lost` set must stop acting at once; appends with `fence` are refused from when another holder has the lease.
    """

    def __init__(
        self,
        name: str,
        fence: Fence | None,
        entry: _Entry,
        *,
        asked: float,
        ttl: float,
        when_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._fence = fence
        self.lost = asyncio.Event()
        self._entry = entry
        self._ttl = ttl
        self._when_lost = when_lost
        self._deadline = asked + ttl * SAFE
        self._renewal = asyncio.create_task(self._keep(), name=f"lease {name}")

    @property
    def held(self) -> bool:
        """Whether the holder may act now. It asks the clock, so it is right even when the loop was blocked."""
        return not self.lost.is_set() and now() < self._deadline

    @property
    def fence(self) -> Fence:
        """What appends to the log carry. ValueError for a lease without one."""
        if self._fence is None:
            msg = f"the lease {self.name} has no fence"
            raise ValueError(msg)
        return self._fence

    async def release(self) -> None:
        """Give the lease up so that another can take it at once. Never raises; without NATS the lease expires by itself."""
        self._renewal.cancel()
        await asyncio.wait([self._renewal])
        self.lost.set()
        try:
            await asyncio.wait_for(self._entry.remove(), 2)
        except NATS_AWAY as error:
            logger.warning("lease %s not released: %s", self.name, type(error).__name__)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(min(self._ttl / 4, max(0.0, self._deadline - now())))
            sent = now()
            if sent >= self._deadline:
                return self._lose("not renewed in time")
            try:
                async with asyncio.timeout(min(self._ttl / 4, self._deadline - sent)):
                    if not await self._entry.renew():
                        return self._lose("taken by another, or wiped")
                self._deadline = sent + self._ttl * SAFE
            except NATS_AWAY as error:
                logger.warning("lease %s not renewed yet: %s", self.name, type(error).__name__)

    def _lose(self, reason: str) -> None:
        logger.error("lease %s lost: %s", self.name, reason)
        self.lost.set()
        self._when_lost()


class Leases:
    """Acquires leases for one replica."""

    def __init__(
        self,
        bus: Bus,
        log: EventLog | None,
        *,
        holder: str,
        ttl: float = TTL,
        lost: Callable[[str], None] = lambda _noun: None,
    ) -> None:
        """No I/O. `holder` is written into the lease for people to read; `ttl` in seconds; `lost` is told a lease's noun."""
        self._lost = lost
        self._bus = bus
        self._log = log
        self._holder = holder
        self._ttl = ttl
        self._held: list[Lease] = []
        self._ttl_checked = False

    async def acquire(self, noun: str, id_: str) -> Lease | None:
        """The lease of `<noun>.<id>`, or None while another holds it. Raises Unavailable; ValueError for a bad id."""
        if self._log is None:
            msg = "a lease needs an event log: its fencing token comes from there"
            raise RuntimeError(msg)
        return await self._take(noun, id_, self._log)

    async def announce(self, noun: str, id_: str) -> Lease | None:
        """As `acquire`, without a fence: it says that somebody is there, and guards nothing that is stored."""
        return await self._take(noun, id_, None)

    async def _take(self, noun: str, id_: str, log: EventLog | None) -> Lease | None:
        if not self._bus.connected:
            detail = "The lease store cannot be reached"
            raise Unavailable(detail)
        name = naming.lease_key(noun, id_)
        value = json.dumps({"holder": self._holder, "lease": uuid.uuid4().hex, "process": this_process()}).encode()
        asked = now()
        try:
            bucket = await self._bucket()
            revision = await self._create(bucket, name, value)
        except NATS_AWAY as error:
            detail = f"The lease store cannot be reached: {type(error).__name__}"
            raise Unavailable(detail) from error
        if revision is None:
            return None
        # Raised only now: a replica that loses the race must not fence off the winner.
        fence = None if log is None else await log.raise_fence(name)
        entry = _Entry(bucket, name, value, revision)
        lease = Lease(name, fence, entry, asked=asked, ttl=self._ttl, when_lost=lambda: self._lost(noun))
        self._held = [each for each in self._held if not each.lost.is_set()]
        self._held.append(lease)
        return lease

    async def holders(self, noun: str) -> set[str]:
        """The ids of the leases of a noun whose holders are not proven dead. Raises Unavailable."""
        try:
            bucket = await self._bucket()
            watcher = await bucket.watch(f"{noun}.>", ignore_deletes=True)
            found = set()
            # None ends what is there now.
            while (entry := await watcher.updates(timeout=2)) is not None:  # type: ignore[no-untyped-call]
                if entry.value and not is_dead(json.loads(entry.value).get("process", {})):
                    found.add(entry.key.removeprefix(f"{noun}."))
            await watcher.stop()  # type: ignore[no-untyped-call]
        except NATS_AWAY as error:
            detail = f"The lease store cannot be reached: {type(error).__name__}"
            raise Unavailable(detail) from error
        return found

    @property
    def held(self) -> int:
        """How many leases are held now."""
        return sum(lease.held for lease in self._held)

    async def stop(self) -> None:
        """Release what is held."""
        await asyncio.gather(*(lease.release() for lease in self._held if not lease.lost.is_set()))
        self._held.clear()

    async def _create(self, bucket: KeyValue, name: str, value: bytes) -> int | None:
        """Write the lease where there is none, or in the place of one whose process is dead; the revision, or None."""
        try:
            return await bucket.create(name, value)
        except KeyWrongLastSequenceError:
            pass
        try:
            left = await bucket.get(name)
            if left.value is None or left.revision is None or not is_dead(json.loads(left.value).get("process", {})):
                return None
            # A process that was killed on this machine holds nothing any more: no need to wait for the TTL.
            return await bucket.update(name, value, last=left.revision)
        except (KeyNotFoundError, KeyWrongLastSequenceError):
            return None

    async def _bucket(self) -> KeyValue:
        jetstream = self._bus.jetstream
        try:
            bucket = await jetstream.key_value(naming.LEASE_BUCKET)
            if not self._ttl_checked:
                await self._keep_ttl()
            return bucket
        except BucketNotFoundError:
            config = KeyValueConfig(bucket=naming.LEASE_BUCKET, history=1, ttl=self._ttl, storage=StorageType.FILE)
        try:
            return await jetstream.create_key_value(config)
        except APIError:
            # Another replica was first.
            return await jetstream.key_value(naming.LEASE_BUCKET)

    async def _keep_ttl(self) -> None:
        """Give a bucket that an earlier version made our TTL: holder and bucket must count the same time."""
        jetstream = self._bus.jetstream
        config = (await jetstream.stream_info(naming.bucket_stream(naming.LEASE_BUCKET))).config
        if config.max_age != self._ttl:
            await jetstream.update_stream(config.evolve(max_age=self._ttl, duplicate_window=self._ttl))
        self._ttl_checked = True
