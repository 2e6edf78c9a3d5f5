"""What every request passes first and every answer gets: limits, the check for foreign web pages, security headers.

A WebSocket passes the same limits and checks before it is accepted; a refusal is then a plain HTTP answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway_api.domain.limits import Allowance, Bounds, CrossSite, TooManyRequests
from gateway_api.rest import errors
from gateway_api.rest.clients import Clients
from gateway_api.rest.services import RateLimits

READING = frozenset({"GET", "HEAD", "OPTIONS"})
API_CONTENT = b"default-src 'none'; frame-ancestors 'none'"
PAGE_CONTENT = (
    b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Swagger UI starts with a script in the page."""

SECURITY = ((b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer"))
NOT_KEPT = (b"cache-control", b"no-store")
"""Raw headers, appended as they are: nothing inside sets them."""
ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")
"""A year for which browsers do not come without TLS any more."""


class Origins:
    """Which web pages may make a browser change something: the API's own, and those that CORS allows."""

    def __init__(self, allowed: tuple[str, ...], pattern: str) -> None:
        self._allowed = frozenset(allowed)
        self._pattern = re.compile(pattern) if pattern else None

    def check(self, headers: Headers) -> None:
        """Raises CrossSite. Browsers send `Origin` with what changes something; other clients send neither header."""
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
                raise CrossSite
            return
        own = origin != "null" and urlsplit(origin).netloc == headers.get("host")
        listed = "*" in self._allowed or origin in self._allowed
        if not (own or listed or (self._pattern is not None and self._pattern.fullmatch(origin))):
            raise CrossSite


class Guard:
    """The outermost part of the application behind the request's context."""

    def __init__(self, application: ASGIApp, limits: RateLimits, bounds: Bounds, origins: Origins, clients: Clients) -> None:
        self._application = application
        self._limits = limits
        self._bounds = bounds
        self._origins = origins
        self._clients = clients
        policies = limits.policies()
        always = [*SECURITY, *([(b"ratelimit-policy", policies.encode())] if policies else [])]
        self._api = (*always, (b"content-security-policy", API_CONTENT))
        self._page = (*always, (b"content-security-policy", PAGE_CONTENT))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        scope.setdefault("state", {})["client"] = self._clients.address(scope)
        if scope["type"] == "websocket":
            await (self._refused(scope) or self._application)(scope, receive, send)
            return
        reply = self._replying(scope, send)
        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, reply)
            return
        await self._application(scope, bounded(receive, self._bounds, _announced(scope)), reply)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._bounds.headers:
            return errors.headers_too_large(self._bounds.headers)
        if len(scope["query_string"]) > self._bounds.query:
            return errors.query_too_long(self._bounds.query)
        try:
            scope["state"]["allowance"] = self._limits.take("address", scope["state"]["client"])
            # Browsers open a WebSocket from any page and let it read what comes: it counts as a change.
            if scope["type"] == "websocket" or scope["method"] not in READING:
                if _announced(scope) > self._bounds.body:
                    return errors.body_too_large(self._bounds.body)
                self._origins.check(Headers(scope=scope))
        except TooManyRequests as error:
            return errors.too_many(error)
        except CrossSite as error:
            return errors.cross_site(error)
        return None

    def _replying(self, scope: Scope, send: Send) -> Callable[[Message], Awaitable[None]]:
        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *(self._page if scope["path"] == "/docs" else self._api)]
                if not any(name == b"cache-control" for name, _ in message["headers"]):
                    headers.append(NOT_KEPT)
                if scope["scheme"] == "https":
                    headers.append(ONLY_TLS)
                left: Allowance | None = scope["state"].get("allowance")
                if left is not None:
                    headers.append((b"ratelimit", f'"{left.policy}";r={left.remaining};t={left.reset}'.encode()))
                message["headers"] = headers
            await send(message)

        return reply


def _announced(scope: Scope) -> int:
    """Bytes of the body as its header tells; 0 when it does not."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0


def bounded(receive: Receive, bounds: Bounds, announced: int = 0) -> Receive:
    """`receive` that gives up on a body that is too large or does not arrive in time; HTTPException 413 or 408.

    A body is complete with the bytes its header `announced`: granian tells the end only to who reads on, and a route that
    answers in pieces listens until it is done.
    """
    deadline = asyncio.get_running_loop().time() + bounds.body_milliseconds / 1000
    complete = False
    taken = 0

    async def given() -> Message:
        nonlocal complete, taken
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, "The body did not arrive in time", errors.LAST) from error
        taken += len(message.get("body", b""))
        if taken > bounds.body:
            raise HTTPException(413, errors.too_large(bounds.body), errors.LAST)
        complete = not message.get("more_body", False) or 0 < announced <= taken
        return message

    return given
