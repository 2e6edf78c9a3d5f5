"""Real NATS and Postgres servers from wheels, on loopback: for the stack (`hummingbus up`) and for tests.

`running_nats` and `running_postgres` are for tests: throw-away servers on free ports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hummingbus.embedded.nats import NatsServer, NatsUser
from hummingbus.embedded.ports import LOOPBACK, free_port
from hummingbus.embedded.postgres import PostgresCluster
from hummingbus.embedded.process import Program, StartFailed, running, unprivileged_user

__all__ = ["NatsServer", "NatsUser", "PostgresCluster", "Program", "StartFailed", "running_nats", "running_postgres"]


@contextmanager
def running_nats(directory: Path, users: tuple[NatsUser, ...] = ()) -> Iterator[str]:
    """A NATS server with JetStream in `directory`, on a free port, open to all unless `users` are given: its URL."""
    server = NatsServer(directory / "nats", free_port(), users=users)
    with running(server.program(), directory / "nats.log"):
        yield f"nats://{LOOPBACK}:{server.port}"


@contextmanager
def running_postgres(directory: Path, *, durable: bool = False) -> Iterator[PostgresCluster]:
    """A Postgres cluster in `directory` on a free port. When root, `directory` must be reachable by the unprivileged user."""
    cluster = PostgresCluster(directory / "postgres", free_port(), "throw-away", unprivileged_user(), durable)
    with running(cluster.program(), directory / "postgres.log"):
        yield cluster
