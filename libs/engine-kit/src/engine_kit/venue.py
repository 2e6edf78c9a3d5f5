"""Where the engine's transport may go: the real exchanges, or the sandbox exchange and nothing else.

Every REST call and WebSocket of the engine's web assistants passes here. SDK-based connectors (injective, xrpl) do not, so in
sandbox mode only the connectors in SANDBOX_CONNECTORS are built at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from functools import wraps
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from aiohttp import BytesPayload, ClientConnectorError
from contracts.rejections import Unavailable

from engine_kit.permit import NotPermitted, sending

SANDBOX_CONNECTORS = frozenset({"binance", "binance_perpetual"})

REST_HOSTS = ("https://api.binance.com", "https://fapi.binance.com")
STREAM_HOSTS = ("wss://stream.binance.com:9443", "wss://ws-api.binance.com:443", "wss://fstream.binance.com")


class VenueClosed(OSError):
    """The engine wanted to call a host that the venue does not allow; nothing was sent."""


@dataclass(slots=True)
class Attempt:
    """What one call put on the wire: `method path` of each request that was sent, and the last HTTP status."""

    sent: list[str] = field(default_factory=list)
    status: int | None = None

    @property
    def acted(self) -> bool:
        """Whether a request that can change something left this process."""
        return any(not request.startswith("GET ") for request in self.sent)


_attempt: ContextVar[Attempt | None] = ContextVar("trading_wire_attempt", default=None)


class watching(AbstractContextManager[Attempt]):  # noqa: N801 - reads as a verb: `with watching() as attempt`
    """Records what the calls inside put on the wire."""

    def __init__(self) -> None:
        self._attempt = Attempt()
        self._token: Token[Attempt | None] | None = None

    def __enter__(self) -> Attempt:
        self._token = _attempt.set(self._attempt)
        return self._attempt

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        if self._token is not None:
            _attempt.reset(self._token)


@dataclass(frozen=True, slots=True)
class Venue:
    """`sandbox_url` is the sandbox exchange's base (`http://127.0.0.1:PORT`), or None for the real exchanges."""

    sandbox_url: str | None = None

    @property
    def name(self) -> str:
        """`sandbox` or `live`."""
        return "live" if self.sandbox_url is None else "sandbox"

    def admit(self, connector: str) -> None:
        """Raise Unavailable for a connector that this venue does not serve."""
        if self.sandbox_url is not None and connector not in SANDBOX_CONNECTORS:
            served = ", ".join(sorted(SANDBOX_CONNECTORS))
            msg = f"'{connector}' is not served in sandbox mode (HUMMINGBUS_VENUE=sandbox), only {served}"
            raise Unavailable(msg, retry_after=60)

    def rest_url(self, url: str) -> str:
        """The address to call for a REST address of the engine. VenueClosed for a host outside the venue."""
        return self._redirect(url, REST_HOSTS, self.sandbox_url)

    def stream_url(self, url: str) -> str:
        """The address to connect for a WebSocket address of the engine. VenueClosed for a host outside the venue."""
        base = self.sandbox_url
        return self._redirect(url, STREAM_HOSTS, None if base is None else base.replace("http", "ws", 1))

    def _redirect(self, url: str, hosts: tuple[str, ...], base: str | None) -> str:
        if base is None:
            return url
        for host in hosts:
            if url == host or url.startswith(f"{host}/"):
                return base.rstrip("/") + url[len(host) :]
        authority = "/".join(url.split("/", 3)[:3])
        msg = f"call to {authority} refused: in sandbox mode (HUMMINGBUS_VENUE=sandbox) only the sandbox exchange is called"
        raise VenueClosed(msg)

    def install(self, rest_connection: type[Any], ws_connection: type[Any], acting: Any) -> None:
        """Route the engine's two connection classes through this venue; a later install replaces an earlier one.

        `acting` is the client session for all requests but GET: it never repeats one by itself, and asks `permit` at the last.
        """
        call = _original(rest_connection.call)
        connect = _original(ws_connection.connect)

        @wraps(call)
        async def routed_call(connection: Any, request: Any) -> Any:
            path = request.url.split("?", 1)[0]
            request.url = self.rest_url(request.url)
            attempt = _attempt.get()
            if attempt is not None:
                attempt.sent.append(f"{request.method.name} {path}")
            try:
                if request.method.name == "GET":
                    response = await call(connection, request)
                else:
                    request.data = form(request.data)
                    with sending(connection):
                        response = await call(rest_connection(acting), request)
            except (ClientConnectorError, NotPermitted):
                # No connection, or no right to use it: nothing sent.
                if attempt is not None:
                    attempt.sent.pop()
                raise
            if attempt is not None:
                attempt.status = response.status
            return response

        @wraps(connect)
        async def routed_connect(connection: Any, ws_url: str, *args: Any, **kwargs: Any) -> Any:
            return await connect(connection, self.stream_url(ws_url), *args, **kwargs)

        rest_connection.call = routed_call
        ws_connection.connect = routed_connect


def form(data: Any) -> Any:
    """Fields as the form that aiohttp would make of them, without the multipart writer it prepares first (0.1 ms)."""
    if not isinstance(data, Mapping) or not all(isinstance(value, str | int) for value in data.values()):
        return data
    return BytesPayload(urlencode(data).encode(), content_type="application/x-www-form-urlencoded")


def _original(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    return getattr(method, "__wrapped__", method)
