"""One WebSocket connection of /graphql: the protocol graphql-transport-ws.

Protocol: github.com/enisdenjo/graphql-ws, PROTOCOL.md. A subscription is asked for its next state when the one before went out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from contracts.message import Metadata
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_api.domain.limits import TooManyRequests
from gateway_api.rest import nesting
from gateway_api.rest.connection import GOING_AWAY, TOO_BIG, Terms
from gateway_api.rest.graph import PATH, GraphRequest, text_of
from gateway_api.rest.services import Gateway
from gateway_api.rest.socket_login import chosen
from gateway_api.rest.socket_traffic import SocketTraffic

PROTOCOL = "graphql-transport-ws"
BAD_MESSAGE, NOT_BEGUN, WRONG_PROTOCOL, TOO_LATE, TAKEN, BEGUN_TWICE = 4400, 4401, 4406, 4408, 4409, 4429
"""Close codes of the protocol."""

REASONS = {
    BAD_MESSAGE: "Invalid message",
    NOT_BEGUN: "Unauthorized",
    WRONG_PROTOCOL: f"Subprotocol not acceptable; offer {PROTOCOL}",
    TOO_LATE: "Connection initialisation timeout",
    TAKEN: "Subscriber for this id already exists",
    BEGUN_TWICE: "Too many initialisation requests",
}


class _Closed(Exception):
    """The connection is to be closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class GraphConnection:
    """Runs until the client is gone, breaks a limit, or `leave` is called."""

    def __init__(self, socket: WebSocket, user: str, gateway: Gateway, terms: Terms, traffic: SocketTraffic) -> None:
        self.id = uuid4().hex[:12]
        self._socket = socket
        self._user = user
        self._gateway = gateway
        self._terms = terms
        self._traffic = traffic
        self._sending = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._begun = asyncio.Event()
        self._leaving = asyncio.Event()

    async def serve(self) -> int | None:
        """The code to close with; None when the client is gone."""
        if chosen(self._socket) != PROTOCOL:
            return WRONG_PROTOCOL
        works: tuple[Coroutine[Any, Any, int | None], ...] = (self._read(), self._beat(), self._begin(), self._left())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            every = [*tasks, *self._running.values()]
            for task in every:
                task.cancel()
            await asyncio.wait(every)
        return next(task.result() for task in tasks if task in done)

    def leave(self) -> None:
        """The server stops."""
        self._leaving.set()

    async def _left(self) -> int:
        await self._leaving.wait()
        return GOING_AWAY

    async def _begin(self) -> int | None:
        try:
            async with asyncio.timeout(self._terms.patience):
                await self._begun.wait()
        except TimeoutError:
            return TOO_LATE
        await asyncio.Event().wait()
        return None

    async def _beat(self) -> int | None:
        while True:
            await asyncio.sleep(self._terms.heartbeat)
            if not await self._send({"type": "ping"}):
                return None

    async def _read(self) -> int | None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if len(text or message.get("bytes") or b"") > self._terms.frame:
                return TOO_BIG
            try:
                await self._act(self._parsed(text))
            except _Closed as closed:
                return closed.code

    def _parsed(self, text: str | None) -> dict[str, Any]:
        if text is None:
            raise _Closed(BAD_MESSAGE)
        try:
            nesting.check(text.encode(), self._gateway.bounds.depth)
            frame = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _Closed(BAD_MESSAGE) from error
        if not isinstance(frame, dict):
            raise _Closed(BAD_MESSAGE)
        return frame

    async def _act(self, frame: dict[str, Any]) -> None:
        match frame.get("type"):
            case "connection_init":
                if self._begun.is_set():
                    raise _Closed(BEGUN_TWICE)
                self._begun.set()
                await self._send({"type": "connection_ack"})
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                return
            case "subscribe":
                await self._subscribe(frame)
            case "complete":
                task = self._running.pop(str(frame.get("id")), None)
                if task is not None:
                    task.cancel()
            case _:
                raise _Closed(BAD_MESSAGE)

    async def _subscribe(self, frame: dict[str, Any]) -> None:
        if not self._begun.is_set():
            raise _Closed(NOT_BEGUN)
        id_ = frame.get("id")
        if not isinstance(id_, str) or not 0 < len(id_) <= 255:
            raise _Closed(BAD_MESSAGE)
        if id_ in self._running:
            raise _Closed(TAKEN)
        try:
            document = GraphRequest.model_validate(frame.get("payload"))
            self._gateway.limits.take("user", self._user)
        except ValidationError as error:
            raise _Closed(BAD_MESSAGE) from error
        except TooManyRequests as error:
            await self._refuse(id_, "TooManyRequests", f"{error.detail}; try again in {error.retry_after} seconds")
            return
        if len(self._running) >= self._terms.subscriptions:
            await self._refuse(id_, "TooManySubscriptions", f"At most {self._terms.subscriptions} subscriptions")
            return
        self._running[id_] = asyncio.create_task(self._stream(id_, document))

    async def _refuse(self, id_: str, code: str, rule: str) -> None:
        error = {"message": rule, "extensions": {"code": code, "field": None, "rule": rule}}
        await self._send({"id": id_, "type": "error", "payload": [error]})

    async def _stream(self, id_: str, document: GraphRequest) -> None:
        self._traffic.subscriptions(PATH, "graphql", 1)
        try:
            metadata = Metadata(actor=self._user)
            answers = self._gateway.graph.stream(document.query, document.variables, document.operation_name, metadata)
            async with aclosing(answers):
                async for answer in answers:
                    if "data" not in answer:
                        await self._send({"id": id_, "type": "error", "payload": answer["errors"]})
                        return
                    if not await self._send({"id": id_, "type": "next", "payload": answer}):
                        return
            await self._send({"id": id_, "type": "complete"})
        finally:
            self._traffic.subscriptions(PATH, "graphql", -1)
            if self._running.get(id_) is asyncio.current_task():
                del self._running[id_]

    async def _send(self, frame: dict[str, Any]) -> bool:
        """Whether the client took it in time; the connection ends when it did not."""
        try:
            async with asyncio.timeout(self._terms.patience), self._sending:
                await self._socket.send_text(json.dumps(frame, default=text_of))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            # RuntimeError is what the web server raises for a connection that is gone.
            self._leaving.set()
            return False
        self._traffic.sent(PATH)
        return True
