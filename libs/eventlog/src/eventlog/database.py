"""Connections to the service's schema, and which errors mean that the database is gone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import asyncpg
from asyncpg.pgproto import pgproto
from contracts.rejections import Unavailable

type Connection = asyncpg.Connection[asyncpg.Record]
type Pool = asyncpg.Pool[asyncpg.Record]

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 60.0
CONTEXT = re.compile(r"^[a-z][a-z0-9_]{0,62}$")

IDS = 256
_ids: list[UUID] = []

GONE: tuple[type[Exception], ...] = (
    OSError,  # refused, reset, timed out
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, starting up, cancelled
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # the protocol's state after a connection broke in the middle of a message
)

DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that asyncpg raises."""


def new_id() -> UUID:
    """A random UUID (version 4) of the driver's class: equal to the standard one, but cheaper to make, print and send."""
    while True:
        try:
            return _ids.pop()
        except IndexError:  # the system is asked for the bits of many at a time
            some = os.urandom(16 * IDS)
            _ids.extend(_random_id(some[place : place + 16]) for place in range(0, len(some), 16))


def _random_id(some: bytes) -> UUID:
    bits = int.from_bytes(some) & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
    found: UUID = pgproto.UUID(bits.to_bytes(16))
    return found


def is_gone(error: BaseException) -> bool:
    """Whether an error says that the database cannot be used now, rather than that the statement is wrong."""
    if isinstance(error, GONE):
        return True
    # asyncpg has no class of its own for using a connection or pool that was closed meanwhile.
    return type(error) is asyncpg.InterfaceError and "clos" in str(error)


def refusal(error: BaseException) -> Unavailable:
    """What a caller is told of a database that cannot be used now."""
    if isinstance(error, asyncpg.DiskFullError):
        return Unavailable("The database's disk is full; nothing is stored until there is room", retry_after=30)
    return Unavailable("The database is not available")


@contextmanager
def unavailable_when_gone() -> Iterator[None]:
    """Turn errors of a lost database into `Unavailable`."""
    try:
        yield
    except DRIVER_ERRORS as error:
        if not is_gone(error):
            raise
        raise refusal(error) from error


class Database:
    """One service's schema in one Postgres database."""

    def __init__(self, url: str, schema: str) -> None:
        if not CONTEXT.match(schema):
            msg = f"not a schema name: {schema!r}"
            raise ValueError(msg)
        self.schema = schema
        self._url = url
        self._settings = {
            "search_path": schema,
            "application_name": f"hummingbus {schema}",
            "timezone": "UTC",
            "jit": "off",
            # Doubles as text tell every digit, whatever the server's own setting.
            "extra_float_digits": "1",
            # An idle writing transaction hides every later event of the whole cluster from the feeds.
            "idle_in_transaction_session_timeout": "10s",
        }

    async def connect(self, statement_seconds: float | None = STATEMENT_SECONDS) -> Connection:
        """A connection of its own, whose search path is the schema."""
        return await asyncpg.connect(
            self._url, timeout=CONNECT_SECONDS, command_timeout=statement_seconds, server_settings=self._settings
        )

    async def pool(self, size: int) -> Pool:
        """A pool of at most `size` connections, opened on demand."""
        return await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=size,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            server_settings=self._settings,
            reset=_keep_session,
        )


async def _keep_session(_: object) -> None:
    """Readers leave no session state behind: asyncpg's own reset would be one more round trip for every read."""
