"""The HTTP server in the service's loop: a busy port, slow and idle clients, TLS, and a stop that lets requests end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from gateway_api.adapters.web_server import Listening, WebServer
from service_kit.certificates import IdentityFiles
from starlette.types import Receive, Scope, Send

from tests.certificates import certificate, new_key, private

DEADLINE = 30
LARGE = 64 * 1024 * 1024
"""Bytes of an answer that no socket's buffers hold."""


class Application:
    """Answers `held` requests when it is let go, `/large` with much, everything else at once."""

    def __init__(self) -> None:
        self.running = 0
        self.entered = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/held":
            self.running += 1
            self.entered.set()
            await self.go.wait()
        body = b"x" * LARGE if scope["path"] == "/large" else scope["scheme"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(application: Application, **options: object) -> AsyncIterator[tuple[WebServer, int]]:
    port = free_port()
    server = WebServer(application, Listening("127.0.0.1", port, **options))  # type: ignore[arg-type]
    await server.start()
    try:
        yield server, port
    finally:
        application.go.set()
        await server.stop()


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes the connection."""
    async with asyncio.timeout(DEADLINE):
        return await reader.read()


async def test_a_busy_port_is_named_and_a_later_start_succeeds() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = WebServer(Application(), Listening("127.0.0.1", port))
        assert server.trouble() == "the web server is not started"
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}: Address already in use.*"):
            await server.start()
    await server.start()
    assert server.trouble() is None
    await server.stop()
    assert server.trouble() == "the web server has stopped"


async def test_stopping_lets_requests_end_and_closes_idle_connections() -> None:
    application = Application()
    async with served(application) as (server, port), httpx.AsyncClient() as client:
        idle, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await idle.readuntil(b"http")
        running = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/held", timeout=DEADLINE))
        await application.entered.wait()
        stopping = asyncio.create_task(server.stop())
        assert await closed(idle) == b""
        assert server.trouble() == "the web server is stopping"
        async with httpx.AsyncClient() as late:
            with pytest.raises(httpx.ConnectError):
                await late.get(f"http://127.0.0.1:{port}/")
        assert not stopping.done()
        application.go.set()
        assert (await running).text == "http"
        await stopping
        writer.close()


async def test_not_ready_before_connections_are_refused() -> None:
    server = WebServer(Application(), Listening("127.0.0.1", port := free_port(), drain_delay=DEADLINE))
    await server.start()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0)
    assert server.trouble() == "the web server is stopping"
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200
    assert not stopping.done()
    stopping.cancel()
    assert server._server is not None
    server._server.stop()  # type: ignore[no-untyped-call]
    assert server._serving is not None
    await server._serving


async def test_a_request_that_never_ends_does_not_hold_up_a_stop() -> None:
    application = Application()
    async with served(application, drain_timeout=0.2) as (server, port), httpx.AsyncClient() as client:
        running = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/held", timeout=DEADLINE))
        await application.entered.wait()
        await server.stop()
        assert not running.done()
        application.go.set()
        await running


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_idle_connections_are_closed(sent: bytes) -> None:
    async with served(Application(), head_timeout=0.3) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await closed(reader)
        assert answer.endswith(b"http") if sent.endswith(b"\r\n\r\n") else answer == b""
        writer.close()


async def test_a_client_that_dribbles_its_headers_is_cut_off() -> None:
    async with served(Application(), head_timeout=0.5) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def dribble() -> None:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
            while True:
                writer.write(b"X-More: y\r\n")
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        with suppress(ConnectionError):
            assert await closed(reader) == b""
        dribbling.cancel()
        writer.close()


async def test_more_connections_than_allowed_wait_for_their_turn() -> None:
    application = Application()
    async with served(application, connections=3) as (_, port), httpx.AsyncClient(timeout=DEADLINE) as client:
        first = [asyncio.create_task(client.get(f"http://127.0.0.1:{port}/held")) for _ in range(3)]
        async with asyncio.timeout(DEADLINE):
            while application.running < 3:
                application.entered.clear()
                await application.entered.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /held HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        assert application.running == 3
        application.go.set()
        await asyncio.gather(*first)
        await client.aclose()
        assert (await closed(reader)).endswith(b"http")
        writer.close()


async def test_idle_connections_free_their_places() -> None:
    async with served(Application(), connections=2, head_timeout=0.3) as (_, port), httpx.AsyncClient() as client:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        assert (await client.get(f"http://127.0.0.1:{port}/", timeout=DEADLINE)).text == "http"
        for _, writer in idle:
            writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts off a peer that takes nothing")
async def test_a_client_that_does_not_read_frees_its_place() -> None:
    async with served(Application(), connections=1, answer_timeout=0.5) as (_, port), httpx.AsyncClient() as client:
        with socket.socket() as greedy:
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.connect(("127.0.0.1", port))
            greedy.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.get(f"http://127.0.0.1:{port}/", timeout=DEADLINE)).text == "http"


@pytest.mark.parametrize("password", [None, "opens it"])
async def test_https(tmp_path: Path, password: str | None) -> None:
    key = new_key()
    (tmp_path / "cert.pem").write_bytes(certificate(key))
    (tmp_path / "key.pem").write_bytes(private(key, password))
    identity = IdentityFiles("X_", tmp_path / "cert.pem", tmp_path / "key.pem", password).read()
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with served(Application(), identity=identity) as (server, port):
        for least in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            trusting.minimum_version = trusting.maximum_version = least
            async with httpx.AsyncClient(verify=trusting) as client:
                assert (await client.get(f"https://localhost:{port}/")).text == "https"
        async with httpx.AsyncClient() as distrusting:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await distrusting.get(f"https://localhost:{port}/")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in await closed(reader)
        writer.close()
        await server.stop()


async def test_tls_before_1_2_is_refused(tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "cert.pem").write_bytes(certificate(key))
    (tmp_path / "key.pem").write_bytes(private(key))
    identity = IdentityFiles("X_", tmp_path / "cert.pem", tmp_path / "key.pem").read()
    async with served(Application(), identity=identity) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(TLS_1_1_HELLO)
        answer = await closed(reader)
        assert answer[:1] == b"\x15", "no alert"
        assert answer[6:7] == b"\x46", "another alert than protocol_version"
        writer.close()


def _hello() -> bytes:
    """A ClientHello of TLS 1.1 (RFC 4346, 7.4.1.2), written by hand: today's OpenSSL does not make one any more."""
    body = b"\x03\x02" + bytes(range(32)) + b"\x00" + b"\x00\x04\xc0\x09\x00\x2f" + b"\x01\x00"
    extensions = b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0d\x00\x04\x00\x02\x04\x03"
    body += len(extensions).to_bytes(2) + extensions
    handshake = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(handshake).to_bytes(2) + handshake


TLS_1_1_HELLO = _hello()
