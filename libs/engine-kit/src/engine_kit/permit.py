"""The last look at the lease: immediately before a request that changes something is written to its connection.

A process can be stopped anywhere and resumed after another one took its sessions over: in the wait for a place in the rate
limits, between signing and sending, while a connection is made. Whatever it does then, it must send nothing. So the lease is
asked where nothing is awaited any more before the bytes are handed to the system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp

type Permit = Callable[[], bool]
"""Whether the session may act at this moment."""


def always() -> bool:
    """The permit of a session that shares its account with nobody."""
    return True


class NotPermitted(OSError):
    """The session is no longer held here; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("the session is not held by this replica any more")


_permit: ContextVar[Permit | None] = ContextVar("trading_permit", default=None)


class PermittedConnections:
    """The engine's factory of connections for one connector; its REST connections send changes only while permitted."""

    def __init__(self, factory: Any, permit: Permit) -> None:
        self._factory = factory
        self._permit = permit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)

    async def get_rest_connection(self) -> Any:
        """A connection that knows its permit."""
        connection = await self._factory.get_rest_connection()
        connection.permit = self._permit
        return connection


def restrict(connector: Any, permit: Permit) -> None:
    """Let a connector of the engine change things on its exchange only while `permit` says so."""
    factory = connector._web_assistants_factory
    factory._connections_factory = PermittedConnections(factory._connections_factory, permit)


@contextmanager
def sending(connection: Any) -> Iterator[None]:
    """A request that changes something is sent inside. Raises NotPermitted when nothing of it was sent for that reason."""
    token = _permit.set(getattr(connection, "permit", None))
    try:
        check()
        yield
    except aiohttp.ClientOSError as error:
        # aiohttp wraps what its own callbacks raise.
        if isinstance(error.__cause__, NotPermitted):
            raise error.__cause__ from None
        raise
    finally:
        _permit.reset(token)


def check() -> None:
    """Raise NotPermitted when the request being sent may not be sent any more."""
    permit = _permit.get()
    if permit is not None and not permit():
        raise NotPermitted


def checking() -> aiohttp.TraceConfig:
    """Makes a client session ask once more when it has a connection and is about to write the request's head."""

    async def about_to_write(*_: Any) -> None:
        check()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(about_to_write)
    return trace
