"""The WebSockets of the gateway: who may open one, how many there may be, and how all are closed at a stop."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Protocol

from service_kit.supervisor import Crash, guarded
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_api.domain.limits import TooManyLogins, TooManyRequests
from gateway_api.rest.connection import GOING_AWAY, Connection, Terms
from gateway_api.rest.credentials import user_of
from gateway_api.rest.graph import PATH
from gateway_api.rest.graph_socket import REASONS, GraphConnection
from gateway_api.rest.services import Gateway
from gateway_api.rest.socket_login import authorization, chosen
from gateway_api.rest.socket_traffic import SocketTraffic
from gateway_api.rest.streams import Stream

logger = logging.getLogger(__name__)

NOT_AUTHENTICATED = 4001
"""The contract's close code."""

BUG, TRY_LATER = 1011, 1013
"""Close codes of RFC 6455, 7.4.1, and of its registry at IANA."""

FAILED = "Authentication failed"
STOPPING = "The gateway is stopping"
CLOSED = {GOING_AWAY: STOPPING, **REASONS}
CLOSING = 3.0
"""Seconds that clients get for their part of a close."""


class Served(Protocol):
    """A connection that is let in."""

    id: str

    async def serve(self) -> int | None:
        """Returns when it is over: the code to close with; None when the client is gone."""
        ...

    def leave(self) -> None:
        """The server stops."""
        ...


type Connect = Callable[[WebSocket, str], Served]
"""Makes the connection of a user."""


class Refused(Exception):
    """Somebody may not open a socket now."""

    def __init__(self, reason: str, message: str, code: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = code


class Sockets:
    """All connections of this replica."""

    def __init__(self, gateway: Gateway, traffic: SocketTraffic, terms: Terms | None = None, *, most: int = 512) -> None:
        """`most` connections at once."""
        self._gateway = gateway
        self._traffic = traffic
        self._terms = terms or Terms()
        self._most = most
        self._open: dict[Served, asyncio.Event] = {}
        self._stopping = False

    def route(self, stream: Stream) -> WebSocketRoute:
        """The route of one address."""

        def connect(socket: WebSocket, user: str) -> Served:
            return Connection(socket, stream, user, self._gateway, self._terms, self._traffic)

        return self._route(stream.path, connect)

    def graph_route(self) -> WebSocketRoute:
        """The route of GraphQL's subscriptions."""

        def connect(socket: WebSocket, user: str) -> Served:
            return GraphConnection(socket, user, self._gateway, self._terms, self._traffic)

        return self._route(PATH, connect)

    def _route(self, path: str, connect: Connect) -> WebSocketRoute:
        async def endpoint(socket: WebSocket) -> None:
            await self._serve(socket, path, connect)

        return WebSocketRoute(path, endpoint)

    async def stop(self) -> None:
        """Closes all with 1001 (going away), lets no further ones in, and returns when the clients know or do not answer."""
        self._stopping = True
        waiting = [asyncio.create_task(closed.wait()) for closed in self._open.values()]
        for connection in list(self._open):
            connection.leave()
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=CLOSING)
            for task in late:
                task.cancel()

    async def _serve(self, socket: WebSocket, path: str, connect: Connect) -> None:
        """Accepts first, as the contract has it: a browser is told nothing of a socket that was refused."""
        try:
            await socket.accept(subprotocol=chosen(socket))
            user = await self._let_in(socket)
        except Refused as refused:
            self._traffic.refused(path, refused.reason)
            await self._close(socket, refused.code, refused.message, told=True)
            return
        except (WebSocketDisconnect, RuntimeError):
            logger.info("WS %s: the client was gone before it was let in", path)
            return
        connection = connect(socket, user)
        self._open[connection] = closed = asyncio.Event()
        self._traffic.connections(path, 1)
        started = time.perf_counter()
        try:
            outcome = await guarded(connection.serve())
            await self._end(socket, path, outcome)
        finally:
            del self._open[connection]
            closed.set()
            self._traffic.connections(path, -1)
            extra = {"connection_id": connection.id, "seconds": round(time.perf_counter() - started, 1)}
            logger.info("WS %s closed", path, extra=extra)

    async def _let_in(self, socket: WebSocket) -> str:
        """The user; raises Refused."""
        try:
            user = await user_of(self._gateway, authorization(socket), socket.state.client)
            self._gateway.limits.take("user", user)
        except HTTPException as error:
            raise Refused("credentials", FAILED, NOT_AUTHENTICATED) from error
        except TooManyLogins as error:
            raise Refused("lockout", error.detail, NOT_AUTHENTICATED) from error
        except TooManyRequests as error:
            raise Refused("limit", error.detail, TRY_LATER) from error
        if self._stopping:
            raise Refused("stopping", STOPPING, GOING_AWAY)
        if len(self._open) >= self._most:
            raise Refused("limit", f"More than {self._most} WebSocket connections; try again later", TRY_LATER)
        return user

    async def _end(self, socket: WebSocket, path: str, outcome: int | Crash | None) -> None:
        if isinstance(outcome, Crash):
            logger.error("WS %s failed", path, exc_info=outcome.error)
            await self._close(socket, BUG, "Internal error")
        elif outcome is not None:
            await self._close(socket, outcome, CLOSED.get(outcome, "Frame too large"))

    async def _close(self, socket: WebSocket, code: int, reason: str, *, told: bool = False) -> None:
        """Closes, after an error frame with the reason where it is to be told; a client that takes neither is left."""
        try:
            async with asyncio.timeout(CLOSING):
                if told:
                    await socket.send_text(json.dumps({"type": "error", "message": reason}))
                await socket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            logger.debug("a client was gone before its socket was closed")
