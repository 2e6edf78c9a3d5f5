"""One WebSocket connection that is logged in: it reads frames, keeps subscriptions, sends what they have, and beats."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_api.domain.limits import TooManyRequests
from gateway_api.rest import nesting
from gateway_api.rest.outbox import Outbox
from gateway_api.rest.services import Gateway
from gateway_api.rest.socket_traffic import SocketTraffic
from gateway_api.rest.streams import FrameRefused, Source, Stream

ACTIONS = "subscribe, unsubscribe, ping"
UNREADABLE = "A frame is one JSON object, sent as text"

GOING_AWAY, TOO_BIG = 1001, 1009
"""Close codes of RFC 6455, 7.4.1."""


@dataclass(frozen=True)
class Terms:
    """What one connection may do; times in seconds, sizes in bytes."""

    heartbeat: float = 30
    subscriptions: int = 100
    frame: int = 64 * 1024
    patience: float = 30
    """How long a client may take nothing of a frame."""


class Connection:
    """Runs until the client is gone, breaks a limit, or `leave` is called."""

    def __init__(
        self, socket: WebSocket, stream: Stream, user: str, gateway: Gateway, terms: Terms, traffic: SocketTraffic
    ) -> None:
        self.id = uuid4().hex[: stream.id_length]
        self._socket = socket
        self._stream = stream
        self._user = user
        self._gateway = gateway
        self._terms = terms
        self._traffic = traffic
        self._outbox = Outbox()
        self._sources: dict[str, tuple[str, Source]] = {}
        self._leaving = asyncio.Event()

    async def serve(self) -> int | None:
        """The code to close with; None when the client is gone."""
        self._tell({"type": "connected", "connection_id": self.id, "timestamp": time.time()})
        works: tuple[Coroutine[Any, Any, int | None], ...] = (self._read(), self._send(), self._beat(), self._left())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for id_ in list(self._sources):
                self._end(id_)
        return next(task.result() for task in tasks if task in done)

    def leave(self) -> None:
        """The server stops."""
        self._leaving.set()

    async def _left(self) -> int:
        await self._leaving.wait()
        return GOING_AWAY

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._terms.heartbeat)
            # What waits already shows a slow client that somebody is here.
            if self._outbox.idle:
                self._tell({"type": "heartbeat", "timestamp": time.time()})

    async def _send(self) -> None:
        while True:
            frame, subscription = await self._outbox.next()
            if frame is None:
                frame = self._taken(str(subscription))
            if frame is None:
                continue
            try:
                async with asyncio.timeout(self._terms.patience):
                    await self._socket.send_text(frame)
            except (TimeoutError, WebSocketDisconnect, RuntimeError):
                # RuntimeError is what the web server raises for a connection that is gone.
                return
            self._traffic.sent(self._stream.path)

    def _taken(self, subscription: str) -> str | None:
        source = self._sources.get(subscription)
        push = source[1].take() if source is not None else None
        if push is None:
            return None
        self._traffic.dropped(self._stream.path, push.dropped)
        return push.frame

    async def _read(self) -> int | None:
        while True:
            await self._outbox.room()
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            text, raw = message.get("text"), message.get("bytes")
            if len(text or raw or b"") > self._terms.frame:
                return TOO_BIG
            try:
                self._act(self._parsed(text))
            except FrameRefused as error:
                self._refuse(str(error))
            except TooManyRequests as error:
                self._refuse(f"{error.detail}; try again in {error.retry_after} seconds")

    def _parsed(self, text: str | None) -> dict[str, Any]:
        # A frame costs what a request costs, whatever is in it.
        self._gateway.limits.take("user", self._user)
        if text is None:
            raise FrameRefused(UNREADABLE)
        try:
            nesting.check(text.encode(), self._gateway.bounds.depth)
            frame = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise FrameRefused(UNREADABLE) from error
        if not isinstance(frame, dict):
            raise FrameRefused(UNREADABLE)
        return frame

    def _act(self, frame: dict[str, Any]) -> None:
        match frame.get("action"):
            case "ping":
                self._tell({"type": "pong", "timestamp": time.time()})
            case "subscribe":
                self._subscribe(frame)
            case "unsubscribe":
                self._unsubscribe(frame.get("subscription_id"))
            case other:
                msg = f"Unknown action: {str(other)[:100]}. Valid actions: {ACTIONS}"
                raise FrameRefused(msg)

    def _subscribe(self, frame: dict[str, Any]) -> None:
        wanted = self._stream.subscription(frame, self._user)
        if wanted.id in self._sources:
            self._end(wanted.id)
        elif len(self._sources) >= self._terms.subscriptions:
            msg = f"A connection has at most {self._terms.subscriptions} subscriptions"
            raise FrameRefused(msg)
        self._tell({"type": "subscribed", "subscription_id": wanted.id, **wanted.acknowledged})
        self._sources[wanted.id] = wanted.kind, wanted.open(lambda: self._outbox.ready(wanted.id))
        self._traffic.subscriptions(self._stream.path, wanted.kind, 1)

    def _unsubscribe(self, id_: Any) -> None:
        if not id_:
            raise FrameRefused("unsubscribe requires 'subscription_id'")
        if not isinstance(id_, str) or id_ not in self._sources:
            raise FrameRefused(self._stream.not_subscribed.format(str(id_)[:300]))
        self._end(id_)
        self._tell({"type": "unsubscribed", "subscription_id": id_})

    def _end(self, id_: str) -> None:
        kind, source = self._sources.pop(id_)
        source.close()
        self._outbox.forget(id_)
        self._traffic.subscriptions(self._stream.path, kind, -1)

    def _refuse(self, message: str) -> None:
        self._tell({"type": "error", "message": message})

    def _tell(self, frame: dict[str, Any]) -> None:
        self._outbox.reply(json.dumps(frame))


def _no_number(constant: str) -> None:
    msg = f"{constant} is not a JSON value"
    raise ValueError(msg)
