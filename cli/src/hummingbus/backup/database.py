"""The embedded database as a dump of one moment, and back into a new cluster."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from hummingbus.embedded.nats_permissions import CONTEXTS
from hummingbus.embedded.ports import LOOPBACK
from hummingbus.embedded.postgres import SUPERUSER, PostgresCluster
from hummingbus.embedded.process import StartFailed, minimal_environment, running
from hummingbus.stack.provisioning import DATABASE, provision


def dump(cluster: PostgresCluster, file: Path) -> None:
    """Write all schemas, as one snapshot sees them, while the services write on. Raises StartFailed."""
    _program(cluster, "pg_dump", "--format=custom", f"--file={file}", f"--dbname={DATABASE}")


def restore(cluster: PostgresCluster, passwords: Mapping[str, str], file: Path, log: Path) -> None:
    """Make a new cluster with logins and data, all or nothing, and leave it stopped. Raises StartFailed.

    Transaction ids start again in a new cluster, and the logs read their events in the order of those ids: the counter is set
    behind all that the dump holds.
    """
    with running(cluster.program(), log):
        provision(cluster, passwords)
        options = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error", f"--dbname={DATABASE}")
        _program(cluster, "pg_restore", *options, str(file))
        latest, following = asyncio.run(_transactions(cluster))
    if latest >= following:
        _advance(cluster, (latest >> 32) + 1)


async def _transactions(cluster: PostgresCluster) -> tuple[int, int]:
    """The latest transaction among the events, and the one the cluster would give out next."""
    connection = await asyncpg.connect(cluster.url(DATABASE))
    try:
        latest = 0
        for context in CONTEXTS:
            if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{context}.stored_events"):
                latest = max(latest, await connection.fetchval(f"SELECT max(tx) FROM {context}.stored_events") or 0)  # noqa: S608
        return latest, await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())")
    finally:
        await connection.close()


def _advance(cluster: PostgresCluster, epoch: int) -> None:
    """Set the upper half of the transaction counter of the stopped cluster; like the server, as its own user."""
    who = {} if cluster.user is None else {"user": cluster.user.uid, "group": cluster.user.gid, "extra_groups": []}
    done = subprocess.run(  # type: ignore[call-overload]
        [cluster.installation() / "bin/pg_resetwal", f"--epoch={epoch}", str(cluster.data)],
        capture_output=True, text=True, check=False, cwd="/", env=minimal_environment(), **who,
    )  # fmt: skip
    if done.returncode != 0:
        msg = f"pg_resetwal failed:\n{done.stdout}{done.stderr}"
        raise StartFailed(msg)


def _program(cluster: PostgresCluster, name: str, *arguments: str) -> None:
    """Run a client program; the password goes in a file, for arguments and environments can be seen by others."""
    with tempfile.NamedTemporaryFile("w", prefix="hummingbus-") as passwords:
        passwords.write(f"{LOOPBACK}:{cluster.port}:*:{SUPERUSER}:{cluster.password}\n")
        passwords.flush()
        login = [f"--host={LOOPBACK}", f"--port={cluster.port}", f"--username={SUPERUSER}", "--no-password"]
        done = subprocess.run(
            [cluster.installation() / "bin" / name, *login, *arguments],
            capture_output=True, text=True, check=False, env=minimal_environment({"PGPASSFILE": passwords.name}),
        )  # fmt: skip
    if done.returncode != 0:
        msg = f"{name} failed:\n{done.stderr}"
        raise StartFailed(msg)
