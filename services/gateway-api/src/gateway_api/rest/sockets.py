"""The WebSockets of the gateway: who may open one, how many there may be, and how all are closed at a stop."""

from __future__ import annotations

import asyncio
import json
import logging
import time

from service_kit.supervisor import Crash, guarded
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_api.domain.limits import TooManyLogins, TooManyRequests
from gateway_api.rest.connection import GOING_AWAY, Connection, Terms
from gateway_api.rest.credentials import user_of
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
CLOSING = 3.0
"""Seconds that clients get for their part of a close."""


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
        self._open: dict[Connection, asyncio.Event] = {}
        self._stopping = False

    def route(self, stream: Stream) -> WebSocketRoute:
        """The route of one address."""

        async def endpoint(socket: WebSocket) -> None:
            await self._serve(socket, stream)

        return WebSocketRoute(stream.path, endpoint)

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

    async def _serve(self, socket: WebSocket, stream: Stream) -> None:
        """Accepts first, as the contract has it: a browser is told nothing of a socket that was refused."""
        try:
            await socket.accept(subprotocol=chosen(socket))
            user = await self._let_in(socket)
        except Refused as refused:
            self._traffic.refused(stream.path, refused.reason)
            await self._close(socket, refused.code, refused.message, told=True)
            return
        except (WebSocketDisconnect, RuntimeError):
            logger.info("WS %s: the client was gone before it was let in", stream.path)
            return
        connection = Connection(socket, stream, user, self._gateway, self._terms, self._traffic)
        self._open[connection] = closed = asyncio.Event()
        self._traffic.connections(stream.path, 1)
        started = time.perf_counter()
        try:
            outcome = await guarded(connection.serve())
            await self._end(socket, stream, outcome)
        finally:
            del self._open[connection]
            closed.set()
            self._traffic.connections(stream.path, -1)
            extra = {"connection_id": connection.id, "seconds": round(time.perf_counter() - started, 1)}
            logger.info("WS %s closed", stream.path, extra=extra)

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

    async def _end(self, socket: WebSocket, stream: Stream, outcome: int | Crash | None) -> None:
        if isinstance(outcome, Crash):
            logger.error("WS %s failed", stream.path, exc_info=outcome.error)
            await self._close(socket, BUG, "Internal error")
        elif outcome is not None:
            await self._close(socket, outcome, {GOING_AWAY: STOPPING}.get(outcome, "Frame too large"))

    async def _close(self, socket: WebSocket, code: int, reason: str, *, told: bool = False) -> None:
        """Closes, after an error frame with the reason where it is to be told; a client that takes neither is left."""
        try:
            async with asyncio.timeout(CLOSING):
                if told:
                    await socket.send_text(json.dumps({"type": "error", "message": reason}))
                await socket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            logger.debug("a client was gone before its socket was closed")
