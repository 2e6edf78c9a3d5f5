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
        self._server = Server(
            application, address=host, port=port, interface=Interfaces.ASGINL, log_enabled=False, backlog=1024
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Binds the port and accepts requests; raises when the port cannot be bound."""
        self._serving = asyncio.create_task(self._server.serve(), name="web-server")
        await asyncio.sleep(0)
        if self._serving.done():
            self._serving.result()

    def trouble(self) -> str | None:
        """Why requests are not accepted, or None."""
        if self._serving is None:
            return "the web server is not started"
        return "the web server has stopped" if self._serving.done() else None

    async def stop(self, grace: float = 10) -> None:
        """Stops accepting, lets running requests end, at most `grace` seconds."""
        if self._serving is None or self._serving.done():
            return
        self._server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({self._serving}, timeout=grace)
