"""All that a running stack keeps in its servers: every row of every table, every message of every stream and bucket."""

from __future__ import annotations

import asyncio

import asyncpg
import nats
from contracts import naming
from hummingbus.doctor.installation import OPERATOR, Installation
from hummingbus.settings import load_settings
from nats.js.errors import NotFoundError

from tests.stack import Stack


def installation(stack: Stack) -> Installation:
    """The stack's installation, with the operator's logins."""
    return Installation.read(load_settings(stack.environment, dotenv=stack.home / "no.env"))


def tables(stack: Stack) -> dict[str, bytes]:
    """The values of each table of every schema of ours."""
    return asyncio.run(_tables(str(installation(stack).database_url())))


def streams(stack: Stack) -> dict[str, bytes]:
    """The messages of each JetStream stream, headers and subjects too; buckets are streams."""
    return asyncio.run(_streams(str(installation(stack).nats_url())))


async def _tables(url: str) -> dict[str, bytes]:
    connection = await asyncpg.connect(url)
    names = "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
    sql = f"{names} WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    found = {}
    for row in await connection.fetch(sql):
        values = (value for record in await connection.fetch(f"SELECT * FROM {row['name']}") for value in record)  # noqa: S608
        found[row["name"]] = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
    await connection.close()
    return found


async def _streams(url: str) -> dict[str, bytes]:
    client = await nats.connect(url, inbox_prefix=naming.inbox_prefix(OPERATOR).encode())
    jetstream = client.jetstream()
    found = {}
    for stream in await jetstream.streams_info():
        parts = []
        for number in range(stream.state.first_seq, stream.state.last_seq + 1):
            try:
                message = await jetstream.get_msg(str(stream.config.name), seq=number)
            except NotFoundError:  # a bucket keeps the last value only
                continue
            parts.append(f"{message.subject} {message.headers}".encode() + (message.data or b""))
        found[str(stream.config.name)] = b"\n".join(parts)
    await client.close()
    return found
