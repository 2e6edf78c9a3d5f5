"""WebSocket connections and who listens to what. A reader that falls behind is cut off; memory stays bounded."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping

from aiohttp import web

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 2000
PING_SECONDS = 20.0
GOODBYE_SECONDS = 1.0

type Wrap = Callable[[str, Mapping[str, object]], object]


def dumps(payload: object) -> str:
    """Compact JSON."""
    return json.dumps(payload, separators=(",", ":"))


class Connection:
    """One WebSocket with a bounded queue of outgoing frames."""

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self.socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        self.channels: dict[str, Wrap] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue(limit)
        self._request: web.Request | None = None
        self._is_cut = False

    def send(self, payload: object) -> None:
        """Queue a frame, or cut the connection when the queue is full."""
        if self._is_cut:
            return
        try:
            self._queue.put_nowait(dumps(payload))
        except asyncio.QueueFull:
            logger.warning("A reader fell %d frames behind and is cut off.", self._queue.maxsize)
            self._is_cut = True
            self.cut()

    def cut(self) -> None:
        """End the connection at once, without a closing handshake."""
        if self._request is not None and self._request.transport is not None:
            self._request.transport.abort()

    async def serve(self, request: web.Request, receive: Callable[[Connection, str], None]) -> web.WebSocketResponse:
        """Accept the connection and pass each text frame to `receive` until it ends."""
        self._request = request
        await self.socket.prepare(request)
        writer = asyncio.create_task(self._write())
        try:
            async for message in self.socket:
                if message.type is web.WSMsgType.TEXT:
                    receive(self, message.data)
        finally:
            writer.cancel()
        return self.socket

    async def _write(self) -> None:
        while not self.socket.closed:
            try:
                await self.socket.send_str(await self._queue.get())
            except ConnectionError:
                return


class Hub:
    """Channels and their listeners. A channel exists while somebody listens.

    `pass_on` gets what is published to a channel with listeners; it delivers, unless faults are put in its place.
    """

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._listeners: dict[str, set[Connection]] = {}
        self.pass_on: Callable[[str, Mapping[str, object]], None] = self.deliver

    def wants(self, channel: str) -> bool:
        return channel in self._listeners

    def channels(self) -> list[str]:
        return list(self._listeners)

    def listen(self, connection: Connection, channel: str, wrap: Wrap) -> None:
        """Send what is published on a channel to the connection, as `wrap(channel, payload)` makes it."""
        connection.channels[channel] = wrap
        self._listeners.setdefault(channel, set()).add(connection)

    def leave(self, connection: Connection, channel: str) -> None:
        connection.channels.pop(channel, None)
        listeners = self._listeners.get(channel)
        if listeners is not None:
            listeners.discard(connection)
            if not listeners:
                del self._listeners[channel]

    def forget(self, connection: Connection) -> None:
        """Drop a connection that ended."""
        self.connections.discard(connection)
        for channel in list(connection.channels):
            self.leave(connection, channel)

    def publish(self, channel: str, payload: Mapping[str, object]) -> None:
        """Tell the listeners of a channel, when it has any."""
        if channel in self._listeners:
            self.pass_on(channel, payload)

    def deliver(self, channel: str, payload: Mapping[str, object]) -> None:
        """Queue a frame for every listener of a channel."""
        for connection in self._listeners.get(channel, ()):
            connection.send(connection.channels[channel](channel, payload))

    def cut(self, channel: str) -> None:
        """End every connection that listens to a channel, at once."""
        for connection in tuple(self._listeners.get(channel, ())):
            connection.cut()
            self.forget(connection)

    def silence(self, channel: str) -> None:
        """Tell nobody of a channel any more; the connections stay."""
        for connection in tuple(self._listeners.get(channel, ())):
            self.leave(connection, channel)

    async def serve(
        self, request: web.Request, receive: Callable[[Connection, str], None], listens: Mapping[str, Wrap]
    ) -> web.WebSocketResponse:
        """Serve a WebSocket request from opening to end; it starts out listening to `listens`."""
        connection = Connection()
        for channel, wrap in listens.items():
            self.listen(connection, channel, wrap)
        self.connections.add(connection)
        try:
            return await connection.serve(request, receive)
        finally:
            self.forget(connection)

    async def close(self) -> None:
        """Say goodbye to every connection, and wait a moment for those that answer."""
        closing = [asyncio.create_task(connection.socket.close(code=1001)) for connection in self.connections]
        if closing:
            await asyncio.wait(closing, timeout=GOODBYE_SECONDS)
