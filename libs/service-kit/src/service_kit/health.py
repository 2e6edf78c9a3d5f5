"""Liveness and readiness over HTTP on the loopback interface, and the same body over NATS."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service_kit.metrics import MEDIA_TYPE, Metrics

type Check = Callable[[], str | None]


class Health:
    """What `/health/ready` says: `{"status","service","version","replica","venue","checks":{name: reason or null}}`."""

    def __init__(self, *, service: str, version: str, replica: str, venue: str) -> None:
        self._identity = {"service": service, "version": version, "replica": replica, "venue": venue}
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """`check` answers None when ready, else why not."""
        self._checks[name] = check

    def body(self) -> dict[str, Any]:
        """The readiness now; `status` is `ready` or `not_ready`."""
        checks = {name: check() for name, check in self._checks.items()}
        ready = all(reason is None for reason in checks.values())
        return {"status": "ready" if ready else "not_ready", **self._identity, "checks": checks}


class _QuietServer(uvicorn.Server):
    """uvicorn without its ten ticks a second and without its signal handlers; the service stops it."""

    async def open(self, listener: socket.socket) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listener])

    async def close(self) -> None:
        if self.started:
            await self.shutdown()


class HealthServer:
    """`/health/live` (200 while the event loop turns) and `/health/ready` (200 or 503), and `/metrics`, on 127.0.0.1."""

    def __init__(self, health: Health, port: int, metrics: Metrics | None = None) -> None:
        """No I/O. Port 0 takes any free port."""
        self._health = health
        self._metrics = metrics or Metrics()
        self.port = port
        routes = [Route("/health/live", self._live), Route("/health/ready", self._ready), Route("/metrics", self._measured)]
        config = uvicorn.Config(
            Starlette(routes=routes),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=2,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await self._server.open(listener)

    async def stop(self) -> None:
        """Close."""
        await asyncio.wait_for(self._server.close(), 3)

    async def _live(self, _request: Request) -> Response:
        return Response(b'{"status":"live"}', media_type="application/json")

    async def _ready(self, _request: Request) -> Response:
        body = self._health.body()
        return Response(
            json.dumps(body).encode(), status_code=200 if body["status"] == "ready" else 503, media_type="application/json"
        )

    async def _measured(self, _request: Request) -> Response:
        return Response(await self._metrics.text(), media_type=MEDIA_TYPE)
