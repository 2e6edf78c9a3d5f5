"""What a running session needs around it: leases, keys, a place to serve its commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.message import Metadata, Reply
from eventlog.log import EventLog
from eventlog.recorded import Fence
from service_kit.metrics import Metrics

from trading.handlers.exchange import Exchanges
from trading.handlers.live import Pace
from trading.handlers.measures import Measures


class Lease(Protocol):
    """The right to act for a session, until `lost` is set."""

    lost: asyncio.Event

    @property
    def fence(self) -> Fence:
        """What appends to the log carry."""
        ...

    @property
    def held(self) -> bool:
        """Whether the holder may act now."""
        ...

    async def release(self) -> None:
        """Let another take it."""
        ...


class Leases(Protocol):
    """Gives out leases."""

    async def acquire(self, noun: str, id_: str, /) -> Any:
        """A `Lease`, or None while another holds it. Raises Unavailable."""
        ...


class Stoppable(Protocol):
    """A subscription."""

    async def stop(self) -> None:
        """Serve no more."""
        ...


class SessionCommands(Protocol):
    """Serves commands at a session's own subjects."""

    async def session_command(
        self, command: type[Any], handler: Callable[[Any, Metadata], Awaitable[Reply]], *, account: str, connector: str
    ) -> Stoppable:
        """Serve until stopped."""
        ...


class Credentials(Protocol):
    """The vault's answers."""

    async def reveal(self, account: str, connector: str) -> tuple[int, dict[str, str]]:
        """The credential's version and fields. Raises CredentialUnknown, Unavailable."""
        ...


class Places(Protocol):
    """Which accounts are to run in this replica."""

    def mine(self, account: str) -> bool:
        """Whether the account is."""
        ...

    async def read(self, accounts: Iterable[str]) -> None:
        """Look again. Raises Unavailable."""


class Everywhere:
    """For a replica that is alone."""

    def mine(self, account: str) -> bool:
        """Always."""
        return True

    async def read(self, accounts: Iterable[str]) -> None:
        """Nothing to look at."""


@dataclass(frozen=True)
class Surroundings:
    """What every session of this replica uses."""

    log: EventLog
    leases: Leases
    commands: SessionCommands
    credentials: Credentials
    exchanges: Exchanges
    holder: str
    pace: Pace = field(default_factory=Pace)
    places: Places = field(default_factory=Everywhere)
    measures: Measures = field(default_factory=lambda: Measures(Metrics()))
