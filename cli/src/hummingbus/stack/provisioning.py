"""Logins and schemas of the services in the embedded Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import StartFailed

DATABASE = "hummingbus"


def provision(cluster: PostgresCluster, passwords: Mapping[str, str]) -> None:
    """Make the database, and per service a login that owns the schema of the same name and nothing else.

    `passwords` maps each service to its login's. Safe to repeat; blocks. Raises StartFailed.
    """
    try:
        asyncio.run(_provision(cluster, passwords))
    except (asyncpg.PostgresError, OSError) as error:
        msg = f"Postgres cannot be prepared: {error}"
        raise StartFailed(msg) from error


async def _provision(cluster: PostgresCluster, passwords: Mapping[str, str]) -> None:
    server = await asyncpg.connect(cluster.url())
    try:
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await server.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await server.close()
    database = await asyncpg.connect(cluster.url(DATABASE))
    try:
        async with database.transaction():
            await database.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC")
            for service, password in passwords.items():
                await _login(database, service, password)
    finally:
        await database.close()


async def _login(database: asyncpg.Connection, service: str, password: str) -> None:
    """One service's login and schema. The names are ours; the password is quoted by Postgres itself."""
    if not await database.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", service):
        await database.execute(f"CREATE ROLE {service} LOGIN")
    quoted = await database.fetchval("SELECT quote_literal($1::text)", password)
    await database.execute(f"ALTER ROLE {service} PASSWORD {quoted}")
    await database.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {service}")
    await database.execute(f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {service}")
