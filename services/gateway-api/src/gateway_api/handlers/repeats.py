"""Requests that were sent again: the same `Idempotency-Key` gets the same answer.

A record is made before the work begins and holds the answer afterwards. It never holds the request, only a keyed digest of
it, because requests carry secrets. An answer that says nothing about the outcome (429, 5xx, a request that did not fit) is
not kept: the request may be sent again, and the owning service carries the command out at most once by its id.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from uuid import UUID

from contracts.rejections import Unavailable
from service_kit.process_identity import is_dead, this_process

from gateway_api.domain.repeats import Kept, KeyReused, StillRunning

logger = logging.getLogger(__name__)

LONGEST = 120.0
"""Seconds after which a request that has no answer yet is taken to have been given up."""

LARGEST = 512 * 1024
"""Bytes of an answer that is kept."""


class Bucket(Protocol):
    """Shared storage that forgets after a day. Every method raises Unavailable when it cannot be reached."""

    async def create(self, key: str, value: bytes) -> int | None:
        """The revision of a new entry; None when there is one already."""
        ...

    async def find(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision of an entry."""
        ...

    async def replace(self, key: str, value: bytes, revision: int) -> int | None:
        """The new revision; None when the entry is not at `revision` any more."""
        ...

    async def remove(self, key: str, revision: int) -> None:
        """Takes the entry away unless it was changed."""
        ...


class Repeats:
    """Carries a request out once and answers it any number of times."""

    def __init__(self, bucket: Bucket, key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        """`key` makes the digests; all replicas need the same."""
        self._bucket = bucket
        self._key = key
        self._clock = clock

    async def once(self, id_: UUID, request: bytes, carry_out: Callable[[], Awaitable[Kept]]) -> tuple[Kept, bool]:
        """The answer to `request`, and whether it is a kept one.

        Raises KeyReused, StillRunning, Unavailable (nothing was done), and whatever `carry_out` raises.
        """
        digest = hmac.digest(self._key, request, "sha256").hex()
        name = str(id_)
        taken = await self._take(name, digest)
        if isinstance(taken, Kept):
            return taken, True
        revision, answer = taken, None
        try:
            answer = await carry_out()
        finally:
            # Also when it failed or was cancelled: then there is no answer, and the next request is to try again.
            await asyncio.shield(self._settle(name, revision, digest, answer))
        return answer, False

    async def _take(self, name: str, digest: str) -> Kept | int:
        """The revision of our own new record, or the answer that is there."""
        started = self._record(digest)
        revision = await self._bucket.create(name, started)
        if revision is not None:
            return revision
        found = await self._bucket.find(name)
        if found is None:
            raise StillRunning
        value, revision = found
        record: dict[str, Any] = json.loads(value)
        if not hmac.compare_digest(record["digest"], digest):
            raise KeyReused
        if "status" in record:
            headers = tuple((name, value) for name, value in record["headers"])
            return Kept(record["status"], headers, base64.b64decode(record["body"]))
        if self._clock() < record["until"] and not is_dead(record["process"]):
            raise StillRunning
        revision = await self._bucket.replace(name, started, revision)
        if revision is None:
            raise StillRunning
        return revision

    async def _settle(self, name: str, revision: int, digest: str, answer: Kept | None) -> None:
        try:
            if answer is None or not _final(answer):
                await self._bucket.remove(name, revision)
                return
            body = base64.b64encode(answer.body).decode()
            record = {"digest": digest, "status": answer.status, "headers": answer.headers, "body": body}
            await self._bucket.replace(name, json.dumps(record).encode(), revision)
        except Unavailable as error:
            # The answer goes out all the same; a repeat gets 409 for a while and then the owner's answer to the same command.
            logger.warning("answer not kept: %s", error.detail)

    def _record(self, digest: str) -> bytes:
        until = self._clock() + LONGEST
        return json.dumps({"digest": digest, "until": until, "process": this_process()}).encode()


def _final(answer: Kept) -> bool:
    return answer.status < 500 and answer.status != 429 and len(answer.body) <= LARGEST
