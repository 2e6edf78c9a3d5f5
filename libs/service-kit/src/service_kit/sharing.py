"""Replicas that share work by key: each key belongs to one of them, and questions about it are passed on to that one.

Each replica has a lease that says that it is there. All compute the same owner of a key from who is there (rendezvous hashing:
when one comes or goes, only its own keys move), without talking to each other. For a moment after a change two may see
different replicas, so this is for work that does no harm when two do it; it stores nothing and guards nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256

from contracts import naming
from contracts.message import Metadata, Query
from contracts.rejections import Rejection, Unavailable

from service_kit.bus import Bus, InternalError, NoResponders
from service_kit.leases import Lease, Leases

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at who is there."""

SILENT_SECONDS = 3.0
"""For which a replica that serves nothing counts as gone, although its lease still stands."""

PATIENCE = 110.0
"""Seconds that the owner may take. NATS lets nobody answer after two minutes."""

EVERYBODY_PATIENCE = 5.0
"""Seconds that each of the others may take when all are asked."""

type Handler[Q: Query] = Callable[[Q, Metadata], Awaitable[bytes]]


def owner_of(key: str, members: Iterable[str]) -> str | None:
    """The member to whom a key belongs; None without members."""
    return max(members, key=lambda member: sha256(f"{member}/{key}".encode()).digest(), default=None)


class Sharing:
    """This replica among the others of its service. Until it has looked, everything is its own."""

    def __init__(self, bus: Bus, leases: Leases, *, service: str, replica: str) -> None:
        """No I/O. The replica's lease is `<service>.<replica>`."""
        self._bus = bus
        self._leases = leases
        self._service = service
        self._replica = replica
        self._presence: Lease | None = None
        self._members = frozenset({replica})
        self._silent: dict[str, float] = {}
        self._changed = asyncio.Event()

    @property
    def members(self) -> frozenset[str]:
        """Who is there, this one included."""
        now = time.monotonic()
        return frozenset(member for member in self._members if self._silent.get(member, 0.0) <= now) | {self._replica}

    def mine(self, key: str) -> bool:
        """Whether a key belongs to this replica."""
        return owner_of(key, self.members) == self._replica

    async def run(self) -> None:
        """Say that this replica is there and see who else is, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Once. While the lease store is away, what was seen last stays."""
        try:
            if self._presence is None or not self._presence.held:
                self._presence = await self._leases.announce(self._service, self._replica)
            members = frozenset(await self._leases.holders(self._service)) | {self._replica}
        except Unavailable as error:
            logger.warning("the other replicas are not seen: %s", error.detail)
            return
        if members != self._members:
            logger.info("replicas that share: %s", ", ".join(sorted(members)))
            self._members = members
            self._tell()

    def by[Q: Query](self, key: Callable[[Q], str], handler: Handler[Q]) -> Handler[Q]:
        """A handler that answers what is this replica's own with `handler`, and asks the owner for the rest."""

        async def answer(query: Q, metadata: Metadata) -> bytes:
            while (owner := owner_of(key(query), self.members)) not in (self._replica, None):
                found = await self._asked(str(owner), query, metadata)
                if found is not None:
                    return found
            return await handler(query, metadata)

        return answer

    def everybody[Q: Query](self, handler: Handler[Q], merged: Callable[[Mapping[str, bytes]], bytes]) -> Handler[Q]:
        """A handler that asks all replicas and puts their answers together, by replica; one that does not answer is left out.

        What this replica refuses is refused.
        """

        async def one(member: str, query: Q, metadata: Metadata) -> bytes | None:
            subject = naming.replica_query_subject(member, type(query))
            try:
                return await self._bus.query(query, metadata, subject=subject, timeout=EVERYBODY_PATIENCE)
            except (Rejection, Unavailable, InternalError) as error:
                logger.warning("%s does not tell: %s", member, error)
                return None

        async def answer(query: Q, metadata: Metadata) -> bytes:
            others = sorted(self.members - {self._replica})
            own = await handler(query, metadata)
            if not others:
                return own
            told = await asyncio.gather(*(one(member, query, metadata) for member in others))
            found = {member: body for member, body in zip(others, told, strict=True) if body is not None}
            return merged({self._replica: own, **found})

        return answer

    async def _asked(self, owner: str, query: Query, metadata: Metadata) -> bytes | None:
        """The owner's answer, or what it raises; None when it went away."""
        subject = naming.replica_query_subject(owner, type(query))
        asking = asyncio.ensure_future(self._bus.query(query, metadata, subject=subject, timeout=PATIENCE))
        leaving = asyncio.ensure_future(self._left(owner))
        try:
            await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                return None
            return asking.result()
        except NoResponders:
            # Its process ended, or does not serve yet: the lease will say so later.
            self._silent[owner] = time.monotonic() + SILENT_SECONDS
            self._tell()
            return None
        finally:
            asking.cancel()
            leaving.cancel()

    async def _left(self, member: str) -> None:
        """Return when a member is not there any more."""
        while member in self.members:
            await self._changed.wait()

    def _tell(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()
