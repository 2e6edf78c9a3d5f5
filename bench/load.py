"""An HTTP load generator that costs little: raw sockets and prepared requests. It shares the cores that it measures."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tests.stack import PASSWORD, USERNAME

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


def request(method: str, path: str, user: str, password: str, body: bytes | None = None) -> bytes:
    """The bytes of a request with HTTP Basic credentials; `body` is JSON."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic {credentials}\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def post(path: str, body: Mapping[str, Any]) -> bytes:
    """The bytes of a POST by the stack's user."""
    return request("POST", path, USERNAME, PASSWORD, json.dumps(body).encode())


@dataclass
class Sample:
    """What one run measured: seconds of each answer, and how many answers had which status."""

    elapsed: float = 0
    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def figures(self) -> dict[str, float]:
        """Answers a second, and their latency in milliseconds; `refused` counts answers that are no 2xx."""
        took = sorted(self.took)
        good = sum(count for status, count in self.statuses.items() if status < 300)
        return {
            "per_second": round(good / self.elapsed, 1),
            "p50_ms": round(1000 * took[len(took) // 2], 2),
            "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
            "answers": len(took),
            "refused": len(took) - good,
        }


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._whole = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""

        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Fails the request in flight."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        """Resolves the request in flight when its answer is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._whole:
            end = self._buffer.find(END_OF_HEAD)
            if end < 0:
                return
            head = self._buffer[:end].lower()
            at = head.find(LENGTH)
            length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._whole = end + len(END_OF_HEAD) + length
        if len(self._buffer) >= self._whole and self._answer is not None:
            answer, self._buffer, self._whole = self._buffer, b"", 0
            self._answer.set_result((int(answer[9:12]), answer))

    async def ask(self, prepared: bytes) -> tuple[int, bytes]:
        """Status and whole answer; ConnectionError when the server closes instead."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionResetError("closed by the server")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(prepared)
        return await self._answer

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()


async def connect(port: int) -> Connection:
    """A connection to a server of this machine."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def saturate(port: int, prepared: Callable[[], bytes], *, connections: int, seconds: float) -> Sample:
    """As many requests as so many connections can have answered one after another; `prepared` gives the next one."""
    opened = [await connect(port) for _ in range(connections)]
    sample, started = Sample(), time.perf_counter()
    until = started + seconds

    async def work(connection: Connection) -> None:
        while (begun := time.perf_counter()) < until:
            status, _ = await connection.ask(prepared())
            sample.took.append(time.perf_counter() - begun)
            sample.statuses[status] += 1

    await asyncio.gather(*map(work, opened))
    sample.elapsed = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return sample


async def paced(port: int, prepared: Callable[[int], bytes], *, connections: int, rate: float, seconds: float) -> Sample:
    """`rate` requests a second, sent when they are due: latency counts from then, so waiting for a connection is part of it."""
    opened: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        opened.put_nowait(await connect(port))
    sample, started = Sample(), time.perf_counter()

    async def one(number: int, due: float) -> None:
        connection = await opened.get()
        status, _ = await connection.ask(prepared(number))
        opened.put_nowait(connection)
        sample.took.append(time.perf_counter() - due)
        sample.statuses[status] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(number, due))
    sample.elapsed = time.perf_counter() - started
    while not opened.empty():
        opened.get_nowait().close()
    return sample
