"""The HTTP server: granian, running in the service's own event loop."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import IO, Any, cast

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server
from service_kit.certificates import Identity

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

BACKLOG = 1024
"""Connections the system keeps waiting while all that may be served are."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how connections are served; times in seconds.

    `head_timeout` is for the head of a request and for the next one on an open connection, `answer_timeout` for a client that
    takes nothing of its answer, `connections` how many are served at once. With an `identity` they are TLS 1.2 or newer.
    """

    host: str
    port: int
    identity: Identity | None = None
    head_timeout: float = 30
    answer_timeout: float = 30
    connections: int = 1024
    drain_delay: float = 0
    drain_timeout: float = 20


class WebServer:
    """Serves one ASGI application."""

    def __init__(
        self, application: AsgiApp, listening: Listening, close_sockets: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """`close_sockets` ends the WebSockets, which would not end by themselves, once no more connections are accepted."""
        self._application = application
        self._listening = listening
        self._close_sockets = close_sockets
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Binds the port and accepts requests; OSError when the port cannot be bound."""
        self._server = _Server(self._application, self._listening)
        self._serving = asyncio.create_task(self._server.serve(), name="web-server")
        await asyncio.sleep(0)
        if self._serving.done():
            self._fail(self._serving)

    def _fail(self, ended: asyncio.Task[None]) -> None:
        """Granian tells a busy port as a RuntimeError whose further lines are a native backtrace."""
        try:
            ended.result()
        except RuntimeError as error:
            msg = f"{self._listening.host}:{self._listening.port}: {str(error).splitlines()[0]}"
            raise OSError(msg) from None

    def trouble(self) -> str | None:
        """Why requests are not accepted, or soon will not be; or None."""
        if self._serving is None:
            return "the web server is not started"
        if self._serving.done():
            return "the web server has stopped"
        return "the web server is stopping" if self._stopping else None

    async def stop(self) -> None:
        """Says so in `trouble`, waits `drain_delay` for load balancers to see it, then accepts no more connections.

        Connections without a request are closed; requests that run may end, for at most `drain_timeout` seconds.
        """
        if self._server is None or self._serving is None or self._serving.done():
            return
        self._stopping = True
        await asyncio.wait({self._serving}, timeout=self._listening.drain_delay)
        if self._close_sockets is not None:
            # Before granian drops them without a word; whoever comes now is refused by the sockets themselves.
            await self._close_sockets()
        self._server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({self._serving}, timeout=self._listening.drain_timeout)


class _Server(Server):
    """Granian with a deadline for clients that do not read, and with keys that are in no file."""

    def __init__(self, application: AsgiApp, listening: Listening) -> None:
        self._identity = listening.identity
        self._files: list[IO[bytes]] = []
        self._answer_timeout = listening.answer_timeout
        super().__init__(
            application,
            address=listening.host,
            port=listening.port,
            interface=Interfaces.ASGINL,
            # HTTP/2 has no deadline for heads in granian, and no client of ours needs it.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=round(listening.head_timeout * 1000)),
            log_enabled=False,
            backlog=BACKLOG,
            backpressure=listening.connections,
        )

    def build_ssl_context(self, *_options: object) -> None:
        """What granian keeps of TLS; its own version reads the files by their names."""
        if self._identity is None:
            self.ssl_ctx = (False, None, None, None, str(SSLProtocols.tls12), None, [], False)
            return
        chain, key = self._unnamed(self._identity.chain), self._unnamed(self._identity.key)
        self.ssl_ctx = cast("Any", (True, chain, key, None, str(SSLProtocols.tls12), None, [], False))

    def _unnamed(self, content: bytes) -> str:
        """The path of an open file that has no name, in memory where the system can: a key that was encrypted stays so."""
        descriptor = os.memfd_create("tls") if hasattr(os, "memfd_create") else None
        file: IO[bytes] = tempfile.TemporaryFile() if descriptor is None else os.fdopen(descriptor, "w+b")  # noqa: SIM115
        self._files.append(file)
        file.write(content)
        file.flush()
        file.seek(0)
        return f"/dev/fd/{file.fileno()}"

    def _init_shared_socket(self) -> None:
        """Binds once and listens from now on; connections inherit when a peer that takes nothing is cut off (Linux)."""
        super()._init_shared_socket()  # type: ignore[no-untyped-call]
        holder: Any = self._shd if self._ssp is None else self._ssp.build()
        self._shd, self._ssp = holder, None
        with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._answer_timeout * 1000))
            listener.listen(BACKLOG)
