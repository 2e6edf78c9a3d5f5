"""Connections between processes that can be cut: services reach their servers through these, on ports of their own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
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
        self.hear: Callable[[int, bytes], None] | None = None
        """Told all that the service sends, with the port it sends from."""
        self._open = asyncio.Event()
        self._refuses = False
        self._process: int | None = None
        self._cut: dict[int, bool] = {}
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

    async def cut(self, seconds: float, *, silent: bool, process: int | None = None) -> None:
        """For so long; only for the connections of one process when it is named.

        Silent: both sides stay connected and hear nothing, and what they sent arrives afterwards.
        """
        self._process = process
        self._cut.clear()
        self._open.clear()
        self._refuses = not silent
        if not silent:
            for writer in list(self._writers):
                writer.transport.abort()
        await asyncio.sleep(seconds)
        self._refuses = False
        self._open.set()

    async def _passing(self, port: int) -> None:
        """Wait while a cut is one of the connection that comes from this port."""
        if self._open.is_set() or not self._is_cut(port):
            return
        await self._open.wait()

    def _is_cut(self, port: int) -> bool:
        if self._process is None:
            return True
        # Once for each connection: on a busy machine a look at all of a process takes milliseconds.
        if port not in self._cut:
            self._cut[port] = port in ports_of(self._process)
        return self._cut[port]

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
        client = writer.get_extra_info("peername")[1]
        await asyncio.gather(self._pump(reader, towards, client, sent=True), self._pump(theirs, writer, client))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: int, *, sent: bool = False
    ) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(CHUNK):
                if sent and self.hear is not None:
                    self.hear(client, data)
                await self._passing(client)
                writer.write(data)
                await writer.drain()
            # The end of a connection does not pass either.
            await self._passing(client)
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

    async def cut(self, name: str, seconds: float, *, silent: bool, process: int | None = None) -> None:
        """Cut one link for so long; see `Link.cut`."""
        cutting = self._links[name].cut(seconds, silent=silent, process=process)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(cutting, self._loop))

    def hear(self, name: str, told: Callable[[int, bytes], None]) -> None:
        """Have all that a service sends through a link told, with the port it sends from, in the links' thread."""
        self._links[name].hear = told

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


def ports_of(process: int) -> set[int]:
    """The ports that a process has connections from; none when it is gone."""
    try:
        return {each.laddr.port for each in psutil.Process(process).net_connections("tcp")}
    except psutil.NoSuchProcess:
        return set()


async def _end(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)
