"""The short way of plain requests: routes without parameters in path or query are found by name and called at once.

FastAPI matches every route's pattern in turn and solves each parameter as if it were a route of its own; for a read that costs
more than all the rest of the gateway. Whatever is not plainly in order here (a body that does not fit, an unusual content type,
an `Idempotency-Key`) goes FastAPI's way with the body put back, so there is one source of every refusal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway_api.rest import errors, idempotency, nesting

JSON_TYPES = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
RAW_KEY = idempotency.HEADER.lower().encode()


@dataclass(frozen=True)
class DirectCall:
    """An endpoint with how to make its arguments; `body` is the name and class of the one that comes from the body."""

    endpoint: Callable[..., Awaitable[Response]]
    makers: dict[str, Callable[[Request], Any]]
    body: tuple[str, type[BaseModel]] | None
    authenticate: Callable[[Request], Awaitable[None]]
    parse: Callable[[bytes], Any]

    async def answer(self, request: Request, body: bytes, deepest: int) -> Response | None:
        """The endpoint's answer; None when the body is not plainly what it takes. Raises what the endpoint raises."""
        await self.authenticate(request)
        values: dict[str, Any] = {}
        if self.body is not None:
            name, model = self.body
            try:
                nesting.check(body, deepest)
                values[name] = model.model_validate(self.parse(body))
            except (ValidationError, ValueError, RecursionError):
                return None
        for name, make in self.makers.items():
            values[name] = make(request)
        return await self.endpoint(**values)


class Direct:
    """Answers what can be answered the short way, and hands all other requests to the application."""

    def __init__(
        self,
        application: FastAPI,
        served: ASGIApp,
        routes: Iterable[tuple[BaseRoute, str, str, DirectCall]],
        deepest: int,
    ) -> None:
        """`routes` are (route, method, path, call); `served` is the application with what is around it."""
        self._application = application
        self._served = served
        self._deepest = deepest
        self._routes = {(method, path): (route, call) for route, method, path, call in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None or not _plain(scope["headers"], with_body=found[1].body is not None):
            await self._served(scope, receive, send)
            return
        route, call = found
        scope["app"], scope["route"], scope["path_params"] = self._application, route, {}
        request = Request(scope, receive)
        try:
            first = await receive() if call.body is not None else _EMPTY
        except HTTPException as late:
            await (await errors.answer(request, late))(scope, receive, send)
            return
        if not _whole(first, scope["headers"]):
            await self._served(scope, _again(first, receive), send)
            return
        answer = await self._answered(call, request, first.get("body", b""))
        if answer is None:
            await self._served(scope, _again(first, receive), send)
        else:
            await answer(scope, receive, send)

    async def _answered(self, call: DirectCall, request: Request, body: bytes) -> Response | None:
        try:
            return await call.answer(request, body, self._deepest)
        except errors.EXPECTED as error:
            return await errors.answer(request, error)


_EMPTY: Message = {"type": "http.request", "body": b"", "more_body": False}


def _plain(headers: Iterable[tuple[bytes, bytes]], *, with_body: bool) -> bool:
    """Whether a request may take the short way, as far as its headers tell."""
    length, kind = b"", b""
    for name, value in headers:
        if name == RAW_KEY or name == b"transfer-encoding":
            return False
        if name == b"content-length":
            length = value
        elif name == b"content-type":
            kind = value
    if not with_body:
        return length in {b"", b"0"}
    return kind in JSON_TYPES and length.isdigit()


def _whole(first: Message, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the first message of a request is all of it: granian announces more, which then is empty, after every body."""
    if first["type"] != "http.request":
        return False
    if not first.get("more_body", False):
        return True
    length = next((value for name, value in headers if name == b"content-length"), b"")
    return length == str(len(first.get("body", b""))).encode()


def _again(first: Message, receive: Receive) -> Receive:
    """`receive` with a message put back before the others."""
    waiting = [first]

    async def put_back() -> Message:
        return waiting.pop() if waiting else await receive()

    return put_back
