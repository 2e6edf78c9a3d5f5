"""Market streams, raw (`/ws`, `/ws/<stream>`) and combined (`/stream?streams=...`), with SUBSCRIBE and UNSUBSCRIBE."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox_exchange.domain.market.history import INTERVALS
from sandbox_exchange.handlers.channels import FUTURES
from sandbox_exchange.handlers.streams import Connection, Hub, Wrap


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a market's streams are called and where they are. `prefix` is that of its channels.

    `pattern` has the groups `symbol` and `interval`. A raw path's streams may follow it (`/ws/btcusdt@trade`).
    """

    pattern: re.Pattern[str]
    prefix: str
    raw: tuple[str, ...]
    combined: tuple[str, ...]


SPOT = Dialect(
    re.compile(r"^(?P<symbol>[a-z0-9]+)@(trade|bookTicker|depth(@100ms|@1000ms)?|kline_(?P<interval>\w+))$"),
    "",
    ("/ws",),
    ("/stream",),
)
FUTURES_STREAMS = Dialect(
    re.compile(
        r"^(?P<symbol>[a-z0-9]+)"
        r"@(trade|aggTrade|bookTicker|markPrice(@1s)?|depth(@100ms|@500ms)?|kline_(?P<interval>\w+))$"
    ),
    FUTURES,
    ("/public/ws", "/market/ws"),
    ("/public/stream", "/market/stream"),
)


class Unintelligible(Exception):
    """A frame that cannot be carried out; `code` and text are Binance's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class MarketStreams:
    """Public WebSocket streams."""

    def __init__(self, hub: Hub, symbols: Container[str], dialect: Dialect) -> None:
        self._hub = hub
        self._symbols = symbols
        self._dialect = dialect

    def routes(self) -> list[web.RouteDef]:
        raw = [web.get(f"{path}{more}", self.raw) for path in self._dialect.raw for more in ("", "/{streams:.+}")]
        return raw + [web.get(path, self.combined) for path in self._dialect.combined]

    async def raw(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, request.match_info.get("streams", ""), _raw)

    async def combined(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, request.query.get("streams", ""), self._combined)

    async def _serve(self, request: web.Request, named: str, wrap: Wrap) -> web.WebSocketResponse:
        streams = [stream for stream in named.split("/") if stream]
        if not all(self._is_known(stream) for stream in streams):
            raise web.HTTPBadRequest(reason="Invalid request: unknown stream.")

        def receive(connection: Connection, text: str) -> None:
            self._receive(connection, text, wrap)

        return await self._hub.serve(request, receive, dict.fromkeys(map(self._channel, streams), wrap))

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
            return sorted(channel.removeprefix(self._dialect.prefix) for channel in connection.channels)
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            raise Unintelligible(2, f"Invalid request: unknown variant {method!r}.")
        if not isinstance(streams, list) or not all(isinstance(stream, str) for stream in streams):
            raise Unintelligible(2, "Invalid request: params must be a list of stream names.")
        for stream in streams:
            if method == "UNSUBSCRIBE":
                self._hub.leave(connection, self._channel(stream))
            elif self._is_known(stream):
                self._hub.listen(connection, self._channel(stream), wrap)
            else:
                raise Unintelligible(2, f"Invalid request: unknown stream {stream!r}.")
        return None

    def _is_known(self, stream: str) -> bool:
        match = self._dialect.pattern.match(stream)
        if match is None or match["symbol"].upper() not in self._symbols:
            return False
        return match["interval"] is None or match["interval"] in INTERVALS

    def _channel(self, stream: str) -> str:
        return f"{self._dialect.prefix}{stream}"

    def _combined(self, channel: str, payload: Mapping[str, object]) -> object:
        return {"stream": channel.removeprefix(self._dialect.prefix), "data": payload}


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
