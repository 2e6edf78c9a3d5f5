"""Market streams: `/ws`, `/ws/<stream>` and `/stream?streams=...` with SUBSCRIBE and UNSUBSCRIBE."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox_exchange.domain.market.history import INTERVALS
from sandbox_exchange.handlers.streams import Connection, Hub, Wrap
from sandbox_exchange.handlers.venue import Venue

_STREAM = re.compile(r"^([a-z0-9]+)@(trade|bookTicker|depth(@100ms|@1000ms)?|kline_(\w+))$")


class Unintelligible(Exception):
    """A frame that cannot be carried out; `code` and text are Binance's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class MarketStreams:
    """Public WebSocket streams."""

    def __init__(self, venue: Venue, hub: Hub) -> None:
        self._venue = venue
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/ws", self.raw), web.get("/ws/{streams:.+}", self.raw), web.get("/stream", self.combined)]

    async def raw(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, request.match_info.get("streams", ""), _raw)

    async def combined(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, request.query.get("streams", ""), _combined)

    async def _serve(self, request: web.Request, named: str, wrap: Wrap) -> web.WebSocketResponse:
        streams = [stream for stream in named.split("/") if stream]
        if not all(self._is_known(stream) for stream in streams):
            raise web.HTTPBadRequest(reason="Invalid request: unknown stream.")

        def receive(connection: Connection, text: str) -> None:
            self._receive(connection, text, wrap)

        return await self._hub.serve(request, receive, dict.fromkeys(streams, wrap))

    def _receive(self, connection: Connection, text: str, wrap: Wrap) -> None:
        number: object = None
        try:
            frame = _frame(text)
            number = frame.get("id")
            connection.send({"result": self._carry_out(connection, frame, wrap), "id": number})
        except Unintelligible as error:
            connection.send({"error": {"code": error.code, "msg": error.message}, "id": number})

    def _carry_out(self, connection: Connection, frame: Mapping[str, Any], wrap: Wrap) -> object:
        method, streams = frame.get("method"), frame.get("params", [])
        if method == "LIST_SUBSCRIPTIONS":
            return sorted(connection.channels)
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            raise Unintelligible(2, f"Invalid request: unknown variant {method!r}.")
        if not isinstance(streams, list) or not all(isinstance(stream, str) for stream in streams):
            raise Unintelligible(2, "Invalid request: params must be a list of stream names.")
        for stream in streams:
            if method == "UNSUBSCRIBE":
                self._hub.leave(connection, stream)
            elif self._is_known(stream):
                self._hub.listen(connection, stream, wrap)
            else:
                raise Unintelligible(2, f"Invalid request: unknown stream {stream!r}.")
        return None

    def _is_known(self, stream: str) -> bool:
        match = _STREAM.match(stream)
        if match is None or match[1].upper() not in self._venue.histories:
            return False
        return match[4] is None or match[4] in INTERVALS


def _frame(text: str) -> Mapping[str, Any]:
    try:
        frame = json.loads(text)
    except ValueError:
        raise Unintelligible(3, "Invalid JSON.") from None
    if not isinstance(frame, dict):
        raise Unintelligible(2, "Invalid request: a frame must be an object.")
    return frame


def _raw(_: str, payload: Mapping[str, object]) -> object:
    return payload


def _combined(channel: str, payload: Mapping[str, object]) -> object:
    return {"stream": channel, "data": payload}
