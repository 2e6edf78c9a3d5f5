"""Which accounts this replica runs: agreed upon by looking at the same facts as the others, without talking to them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from contracts.rejections import Unavailable
from eventlog.log import EventLog

from trading.domain.placement import placed
from trading.handlers.surroundings import Lease
from trading.views.sessions import session_holders

logger = logging.getLogger(__name__)

READ_SECONDS = 0.5
STEADY_SECONDS = 15.0
"""How long a replica must have been there before sessions that run elsewhere are handed over to it."""
PRESENCE = "replica"


class Members(Protocol):
    """Leases, and who has one."""

    async def acquire(self, noun: str, id_: str, /) -> Lease | None:
        """See `service_kit.leases.Leases`."""
        ...

    async def holders(self, noun: str, /) -> set[str]:
        """The ids of a noun's leases whose holders live. Raises Unavailable."""
        ...


class Placement:
    """This replica among the others. A lease of its own tells them that it is there."""

    def __init__(self, log: EventLog, leases: Members, replica: str) -> None:
        """No I/O."""
        self._log = log
        self._leases = leases
        self._replica = replica
        self._presence: Lease | None = None
        self._placed: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._read_at = -READ_SECONDS

    def mine(self, account: str) -> bool:
        """Whether this replica is to run the account. True while it does not know about the others."""
        return self._placed.get(account, self._replica) == self._replica

    async def read(self, accounts: Iterable[str]) -> None:
        """Look who is there and who holds what, at most once in READ_SECONDS. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        if now - self._read_at < READ_SECONDS:
            return
        self._read_at = now
        try:
            await self._tell()
            members = await self._leases.holders(PRESENCE)
        except Unavailable as error:
            # Leases cannot be taken now either: what was agreed upon stays.
            logger.warning("the other replicas are not seen: %s", error.detail)
            return
        if self._replica not in members:
            # Another process has our name: leases alone decide then.
            self._placed = {}
            return
        self._since = {member: self._since.get(member, now) for member in members}
        steady = {member for member, since in self._since.items() if now - since >= STEADY_SECONDS}
        held: dict[str, list[str]] = defaultdict(list)
        for account, holder in await session_holders(self._log):
            held[account].append(holder)
        self._placed = placed(accounts, members, held, steady)

    async def _tell(self) -> None:
        if self._presence is None or not self._presence.held:
            self._presence = await self._leases.acquire(PRESENCE, self._replica)
