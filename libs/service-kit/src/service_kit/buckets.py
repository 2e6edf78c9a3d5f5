"""Key-value buckets of NATS, on disk, shared by all replicas of a service; entries are forgotten after a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from contracts.rejections import Unavailable
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import (
    APIError,
    BadRequestError,
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoStreamResponseError,
)
from nats.js.kv import KeyValue

from service_kit.bus import NATS_AWAY, Bus

WRONG_LAST_SEQUENCE = 10071
"""NATS' number for "the entry was changed since"."""


class Bucket:
    """One bucket; made at its first use, and again after JetStream was wiped.

    Every method raises Unavailable when the bucket cannot be reached, or when NATS does not confirm.
    """

    def __init__(self, bus: Bus, name: str, *, ttl: float) -> None:
        """No I/O. `name` is one of `contracts.naming`; `ttl` in seconds."""
        self._bus = bus
        self._name = name
        self._ttl = ttl
        self._bucket: KeyValue | None = None

    async def create(self, key: str, value: bytes) -> int | None:
        """The revision of a new entry; None when there is one already."""
        return await self._write(lambda bucket: bucket.create(key, value))

    async def find(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision of an entry."""

        async def get(bucket: KeyValue) -> tuple[bytes, int] | None:
            try:
                entry = await bucket.get(key)
            except KeyNotFoundError:
                return None
            return None if entry.value is None or entry.revision is None else (entry.value, entry.revision)

        return await self._reached(get)

    async def replace(self, key: str, value: bytes, revision: int) -> int | None:
        """The new revision; None when the entry is not at `revision` any more."""
        return await self._write(lambda bucket: bucket.update(key, value, last=revision))

    async def remove(self, key: str, revision: int) -> None:
        """Takes the entry away unless it was changed."""

        async def delete(bucket: KeyValue) -> int:
            return int(await bucket.delete(key, last=revision))

        await self._write(delete)

    async def _write(self, write: Callable[[KeyValue], Awaitable[int]]) -> int | None:
        async def guarded(bucket: KeyValue) -> int | None:
            try:
                return await write(bucket)
            except KeyWrongLastSequenceError:
                return None
            except BadRequestError as error:
                # How nats-py tells the same of a deletion.
                if error.err_code != WRONG_LAST_SEQUENCE:
                    raise
                return None

        return await self._reached(guarded)

    async def _reached[T](self, use: Callable[[KeyValue], Awaitable[T]]) -> T:
        if not self._bus.connected:
            detail = "The message bus cannot be reached; nothing was changed"
            raise Unavailable(detail)
        try:
            if self._bucket is None:
                self._bucket = await self._made()
            try:
                return await use(self._bucket)
            except NoStreamResponseError:
                self._bucket = await self._made()
                return await use(self._bucket)
        except NATS_AWAY as error:
            detail = f"The bucket {self._name} cannot be reached: {type(error).__name__}; nothing was changed"
            raise Unavailable(detail) from error

    async def _made(self) -> KeyValue:
        jetstream = self._bus.jetstream
        try:
            return await jetstream.key_value(self._name)
        except BucketNotFoundError:
            config = KeyValueConfig(bucket=self._name, history=1, ttl=self._ttl, storage=StorageType.FILE)
        try:
            return await jetstream.create_key_value(config)
        except APIError:
            # Another replica was first.
            return await jetstream.key_value(self._name)
