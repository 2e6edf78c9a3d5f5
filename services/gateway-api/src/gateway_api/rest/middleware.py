"""What happens around every request: its id and trace, its path with or without a trailing slash."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from uuid import uuid4

from opentelemetry.trace import SpanKind
from service_kit.telemetry import Tracing
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway_api.rest import idempotency
from gateway_api.rest.trace import readable_request_id, readable_traceparent
from gateway_api.rest.traffic import Traffic

logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
RAW_REQUEST_ID = REQUEST_ID.lower().encode()
RAW_IDEMPOTENCY_KEY = idempotency.HEADER.lower().encode()
VARY = (b"vary", b"Origin")
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestContext:
    """Gives each request an id (the caller's, if it sent one) and continues its trace; both go back and into the logs."""

    def __init__(self, application: ASGIApp, tracing: Tracing, traffic: Traffic) -> None:
        self._application = application
        self._tracing = tracing
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = readable_request_id(headers.get(REQUEST_ID)) or str(uuid4())
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 500

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(RAW_REQUEST_ID, request_id.encode("latin-1"))]
                if "idempotency_key" in state:
                    own.append((RAW_IDEMPOTENCY_KEY, state["idempotency_key"].encode("latin-1")))
                message["headers"] = [*message["headers"], *own]
            await send(message)

        started = time.perf_counter()
        with self._tracing.span(scope["method"], SpanKind.SERVER, readable_traceparent(headers.get("traceparent"))) as span:
            try:
                await self._application(scope, receive, reply)
            finally:
                route = scope.get("route")
                path = getattr(route, "path", "unmatched")
                span.update_name(f"{scope['method']} {path}")
                seconds = time.perf_counter() - started
                self._traffic.served(scope["method"], path, status, seconds)
                reading = scope["method"] in READING or getattr(route, "reading", False)
                _log(scope["method"], path, status, request_id, seconds, reading=reading)


def _log(method: str, path: str, status: int, request_id: str, seconds: float, *, reading: bool) -> None:
    """One line a request, by its route: paths and queries may hold names, headers hold credentials."""
    level = logging.ERROR if status == 500 else logging.DEBUG if reading else logging.INFO
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "%s %s %d",
        method,
        path,
        status,
        extra={"request_id": request_id, "milliseconds": round(seconds * 1000, 1)},
    )


class BrowsersOnly(CORSMiddleware):
    """CORS, which costs nothing where no browser asks: without an `Origin` all that is to be told is `Vary`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], VARY]
            await send(message)

        await self.app(scope, receive, reply)


class OptionalTrailingSlash:
    """Serves `/path` and `/path/` alike, without redirecting: clients lose bodies and credentials on redirects."""

    def __init__(self, application: ASGIApp, slashed: Collection[str]) -> None:
        self._application = application
        self._slashed = frozenset(slashed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] in {"http", "websocket"}:
            # In place: what the router adds to the scope is read by RequestContext.
            scope["path"] = self._canonical(scope["path"])
        await self._application(scope, receive, send)

    def _canonical(self, path: str) -> str:
        bare = path.removesuffix("/")
        return f"{bare}/" if f"{bare}/" in self._slashed else bare or "/"
