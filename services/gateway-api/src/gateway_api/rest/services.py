"""What the routes need of the rest of the gateway; `app` hands it in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from contracts.message import Command, Metadata, Query

from gateway_api.domain.limits import Allowance, Bounds
from gateway_api.domain.repeats import Kept


class Answer(Protocol):
    """A service's reply: an HTTP status and the final JSON; `retry_after` seconds where the status is 503."""

    @property
    def status(self) -> int:
        """The HTTP status to answer with."""
        ...

    @property
    def body(self) -> bytes:
        """The final JSON."""
        ...

    @property
    def retry_after(self) -> int | None:
        """Seconds until a retry makes sense."""
        ...


class Services(Protocol):
    """The owning services. Their refusals are answers; all raise Unavailable when there is none."""

    async def query(self, query: Query, metadata: Metadata, *, timeout: float = 10) -> Answer:
        """Asks the query's owner."""
        ...

    async def command(self, command: Command, metadata: Metadata, *, timeout: float = 15) -> Answer:
        """Sends a command to any replica of its owner."""
        ...

    async def session_command(
        self,
        account: str,
        connector: str,
        command: Callable[[], Command],
        metadata: Metadata,
        *,
        timeout: float = 15,
    ) -> Answer:
        """Sends the command that `command` makes to the holder of a session; the names need not be a session's.

        Raises CredentialUnknown when the account has no credential for the connector.
        """
        ...


class Authenticator(Protocol):
    """Knows the users."""

    def known(self, header: bytes) -> str | None:
        """The user whose verified credentials came in just this header before, or None."""
        ...

    def remember(self, header: bytes, username: str, password: str) -> None:
        """Lets `known` find verified credentials."""
        ...

    async def authenticate(self, username: str, password: str) -> bool:
        """Whether these are a user's credentials."""
        ...


class SystemHealth(Protocol):
    """Knows how the whole system is."""

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether all services are ready, and the body of `/health`."""
        ...


class Repeats(Protocol):
    """Knows the requests that were sent before."""

    async def once(self, id_: UUID, request: bytes, carry_out: Callable[[], Awaitable[Kept]]) -> tuple[Kept, bool]:
        """The answer to `request`, and whether it was given before.

        Raises KeyReused for another request with the same id, StillRunning, Unavailable.
        """
        ...


class RateLimits(Protocol):
    """Counts requests."""

    def policies(self) -> str:
        """The `RateLimit-Policy` header; empty without limits."""
        ...

    def take(self, name: str, caller: str) -> Allowance | None:
        """Counts one request of a `user` or an `address`; raises TooManyRequests."""
        ...


class Logins(Protocol):
    """Counts wrong passwords."""

    def check(self, username: str, address: str) -> None:
        """Raises TooManyLogins while this user is locked out at this address."""
        ...

    def failed(self, username: str, password: str, address: str) -> None:
        """Counts a wrong password."""
        ...

    def succeeded(self, username: str, address: str) -> None:
        """Forgets the wrong ones."""
        ...


class Graph(Protocol):
    """Carries GraphQL documents out. An answer has `data`, `errors`, or both; without `data` nothing was carried out."""

    async def execute(
        self, query: str, variables: Mapping[str, Any] | None, operation: str | None, metadata: Metadata
    ) -> dict[str, Any]:
        """The answer to a query."""
        ...

    def stream(
        self, query: str, variables: Mapping[str, Any] | None, operation: str | None, metadata: Metadata
    ) -> AsyncGenerator[dict[str, Any]]:
        """The answers to a query or a subscription."""
        ...


@dataclass(frozen=True)
class Gateway:
    """What every route may use."""

    services: Services
    authenticator: Authenticator
    health: SystemHealth
    repeats: Repeats
    limits: RateLimits
    logins: Logins
    graph: Graph
    bounds: Bounds = field(default_factory=Bounds)
