"""The HTTP server: granian, running in the service's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class WebServer:
    """Serves one ASGI application on `host:port`."""

    def __init__(self, application: AsgiApp, host: str, port: int) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Binds the port and accepts requests; OSError when the port cannot be bound."""
        self._server = Server(
            self._application,
            address=self._host,
            port=self._port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            backlog=1024,
        )
        self._serving = asyncio.create_task(self._server.serve(), name="web-server")
        await asyncio.sleep(0)
        if self._serving.done():
            self._fail(self._serving)

    def _fail(self, ended: asyncio.Task[None]) -> None:
        """Granian tells a busy port as a RuntimeError whose further lines are a native backtrace."""
        try:
            ended.result()
        except RuntimeError as error:
            msg = f"{self._host}:{self._port}: {str(error).splitlines()[0]}"
            raise OSError(msg) from None

    def trouble(self) -> str | None:
        """Why requests are not accepted, or None."""
        if self._serving is None:
            return "the web server is not started"
        return "the web server has stopped" if self._serving.done() else None

    async def stop(self, grace: float = 3) -> None:
        """Stops accepting and lets running requests end, at most `grace` seconds."""
        if self._server is None or self._serving is None or self._serving.done():
            return
        self._server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({self._serving}, timeout=grace)
