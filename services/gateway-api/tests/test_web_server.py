"""The HTTP server in the service's loop: a busy port, and a stop that lets requests end."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from gateway_api.adapters.web_server import Listening, WebServer
from starlette.types import Receive, Scope, Send


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def test_a_busy_port_is_named_and_a_later_start_succeeds() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = WebServer(slow, Listening("127.0.0.1", port))
        assert server.trouble() == "the web server is not started"
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}: Address already in use.*"):
            await server.start()
    await server.start()
    assert server.trouble() is None
    await server.stop()


async def test_stopping_lets_requests_end() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = WebServer(slow, Listening("127.0.0.1", port))
    await server.start()
    async with httpx.AsyncClient() as client:
        running = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await asyncio.sleep(0.1)
        await server.stop()
        assert (await running).text == "done"
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")
