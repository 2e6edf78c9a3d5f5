"""Connections between processes that can be cut: services reach their servers through these, on ports of their own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hummingbus.embedded.ports import LOOPBACK, read_ports
from hummingbus.home import Home
from hummingbus.secrets import ensure_secrets
from hummingbus.settings import load_settings
from hummingbus.stack.provisioning import DATABASE

from tests.stack import Stack

CHUNK = 65_536
ENDS = (
    ("trading", "sandbox-exchange"),
    ("trading", "nats"),
    ("trading", "postgres"),
    ("accounts", "nats"),
    ("accounts", "postgres"),
    ("gateway-api", "nats"),
)
"""Who connects to whom. All replicas of a service share its links."""


class Link:
    """One service's way to one server. While cut, nothing passes: connections are reset and refused, or just silent."""

    def __init__(self, home: Home, service: str, server: str) -> None:
        self._home = home
        self.service, self.server = service, server
        self.port = 0
        self._open = asyncio.Event()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return f"{self.service} from {self.server}"

    async def listen(self) -> asyncio.Server:
        """Pass on what comes to a free port."""
        self._open.set()
        server = await asyncio.start_server(self._accepted, LOOPBACK)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def cut(self, seconds: float, *, silent: bool) -> None:
        """For so long. Silent: both sides stay connected and hear nothing, and what they sent arrives afterwards."""
        self._open.clear()
        self._refuses = not silent
        if not silent:
            for writer in list(self._writers):
                writer.transport.abort()
        await asyncio.sleep(seconds)
        self._refuses = False
        self._open.set()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the server's is reported as failed when it is cancelled at the end.
        task = asyncio.create_task(self._joined(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        # A stack that was started again may have other ports.
        port = read_ports(self._home.ports)[self.server]
        try:
            theirs, towards = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._pump(reader, towards), self._pump(theirs, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(CHUNK):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class Links:
    """All links of a stack, on a loop in a thread of their own: what starts the stack may block its own."""

    def __init__(self, stack: Stack) -> None:
        self._home = Home(Path(stack.home))
        self._links = {link.name: link for link in (Link(self._home, *ends) for ends in ENDS)}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._links)

    async def cut(self, name: str, seconds: float, *, silent: bool) -> None:
        """Cut one link for so long."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._links[name].cut(seconds, silent=silent), self._loop))

    @contextmanager
    def laid(self, stack: Stack) -> Iterator[None]:
        """They pass on what comes, and the stack, which is not started yet, is set to use them."""
        self._thread.start()
        servers = [asyncio.run_coroutine_threadsafe(link.listen(), self._loop).result() for link in self._links.values()]
        stack.settings |= self._settings(stack.environment)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(_end(servers), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _settings(self, environment: Mapping[str, str]) -> dict[str, str]:
        self._home.open()
        secrets = ensure_secrets(self._home, load_settings(environment, Path("/nonexistent")))
        found = {}
        for link in self._links.values():
            login, prefix, where = link.service, link.service.replace("-", "_").upper(), f"{LOOPBACK}:{link.port}"
            match link.server:
                case "nats":
                    found[f"{prefix}_NATS_URL"] = f"nats://{login}:{secrets[f'nats_{login}']}@{where}"
                case "postgres":
                    password = secrets[f"postgres_{login}"]
                    found[f"{prefix}_DATABASE_URL"] = f"postgresql://{login}:{password}@{where}/{DATABASE}"
                case _:
                    found[f"{prefix}_SANDBOX_URL"] = f"http://{where}"
        return found


async def _end(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)
