"""Errors that arise in the gateway itself, as the contract shapes them."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from contracts.rejections import Rejection, Unavailable
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from service_kit.telemetry import current_trace_id
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway_api.domain import problem
from gateway_api.domain.limits import CrossSite, TooManyRequests
from gateway_api.domain.repeats import KeyReused, StillRunning
from gateway_api.rest.answers import JSON
from gateway_api.rest.idempotency import HEADER, IdempotencyKeyInvalid

logger = logging.getLogger(__name__)

LAST = {"Connection": "close"}
"""After a body that was not read to its end a connection cannot be used again."""

HIDDEN = "[hidden]"
CUT = "[...]"
DEEPEST = 10
EXACT = 2**53
SECRET_BODIES = frozenset({"/accounts/add-credential/{account_name}/{connector_name}"})
"""Routes whose body holds secrets: their validation errors never repeat what was sent."""


def install(app: FastAPI) -> None:
    """Registers the handler of each class of error."""
    for error, handler in _HANDLERS.items():
        app.add_exception_handler(error, handler)
    app.add_exception_handler(Exception, bug)


async def answer(request: Request, error: Exception) -> Response:
    """The answer to one of EXPECTED."""
    return await next(_HANDLERS[each] for each in type(error).__mro__ if each in _HANDLERS)(request, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by class
    headers = {**(error.headers or {}), **({"Allow": _methods(request)} if error.status_code == 405 else {})}
    return Response(json.dumps({"detail": error.detail}), error.status_code, headers, media_type=JSON)


def _methods(request: Request) -> str:
    """What the resource can be asked for: each route of the path knows only its own method."""
    routes = [each for each in request.app.routes if isinstance(each, Route)]
    meant = next(each.path for each in routes if each.path_regex.match(request.scope["path"]))
    return ", ".join(sorted({method for each in routes if each.path == meant for method in each.methods or ()}))


async def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    secret = getattr(request.scope.get("route"), "path", None) in SECRET_BODIES
    details = [_validation_detail(dict(each), hide_input=secret) for each in error.errors()]
    return Response(json.dumps({"detail": details}, default=str), 422, media_type=JSON)


def _validation_detail(error: dict[str, Any], *, hide_input: bool) -> dict[str, Any]:
    """One entry of the 422 list, made of JSON values only (pydantic puts exceptions and decimals into `ctx` and `input`)."""
    detail = {"type": error["type"], "loc": list(error["loc"]), "msg": error["msg"]}
    detail["input"] = HIDDEN if hide_input else _encodable(error.get("input"))
    if error.get("ctx"):
        detail["ctx"] = _encodable(error["ctx"])
    return detail


def _encodable(value: Any, depth: int = 0) -> Any:
    """`value` as JSON can hold it; what is nested deeper than anybody reads is cut off."""
    if depth > DEEPEST:
        return CUT
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return _number(value)
        case dict():
            return {str(key): _encodable(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item, depth + 1) for item in value]
        case _:
            return str(value)


def _number(value: Decimal) -> int | float | str:
    """A JSON number where one can hold the value, else its text."""
    if value.is_finite() and abs(value) < EXACT and value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else str(value)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Rejection)  # noqa: S101
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    body = problem.problem(error.status, error.detail, error.code, error.field)
    return Response(body, error.status, headers, media_type=problem.MEDIA_TYPE)


async def _unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)  # noqa: S101
    headers = {"Retry-After": str(error.retry_after)}
    body = problem.problem(503, error.detail, type(error).__name__)
    return Response(body, 503, headers, media_type=problem.MEDIA_TYPE)


async def _key_not_valid(_: Request, error: Exception) -> Response:
    return Response(problem.problem(400, str(error), type(error).__name__), 400, media_type=problem.MEDIA_TYPE)


async def _key_reused(_: Request, error: Exception) -> Response:
    detail = f"{HEADER} was used for another request: the same key needs the same query and body"
    return Response(problem.problem(422, detail, type(error).__name__, HEADER), 422, media_type=problem.MEDIA_TYPE)


async def _still_running(_: Request, error: Exception) -> Response:
    detail = f"The request with this {HEADER} is still being carried out; repeat it to get its answer"
    body = problem.problem(409, detail, type(error).__name__, HEADER)
    return Response(body, 409, {"Retry-After": "1"}, media_type=problem.MEDIA_TYPE)


async def _too_many(_: Request, error: Exception) -> Response:
    assert isinstance(error, TooManyRequests)  # noqa: S101
    return too_many(error)


def too_many(error: TooManyRequests) -> Response:
    """429 with the seconds to wait."""
    body = problem.problem(429, error.detail, type(error).__name__)
    return Response(body, 429, {"Retry-After": str(error.retry_after)}, media_type=problem.MEDIA_TYPE)


def cross_site(error: CrossSite) -> Response:
    """403 for a web page that CORS does not allow."""
    detail = "A web page of this origin may not change anything here; see CORS_ALLOW_ORIGINS"
    return Response(problem.problem(403, detail, type(error).__name__, "Origin"), 403, media_type=problem.MEDIA_TYPE)


def headers_too_large(most: int) -> Response:
    """431; the limit in bytes."""
    body = problem.problem(431, f"The headers are larger than {most} bytes", "HeadersTooLarge")
    return Response(body, 431, media_type=problem.MEDIA_TYPE)


def body_too_large(most: int) -> Response:
    """413; the limit in bytes."""
    return Response(json.dumps({"detail": too_large(most)}), 413, LAST, media_type=JSON)


def too_large(most: int) -> str:
    """What a 413 says."""
    return f"The body is larger than {most} bytes"


def query_too_long(most: int) -> Response:
    """414; the limit in bytes."""
    body = problem.problem(414, f"The query is longer than {most} bytes", "QueryTooLong")
    return Response(body, 414, media_type=problem.MEDIA_TYPE)


async def bug(_: Request, error: Exception) -> Response:
    """500 with the trace to look for; the error goes to the log."""
    trace_id = current_trace_id()
    logger.error("Request failed", exc_info=error, extra={"trace_id": trace_id})
    return Response(json.dumps({"detail": "Internal error", "trace_id": trace_id}), 500, media_type=JSON)


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _http,
    RequestValidationError: _not_valid,
    Rejection: _refused,
    Unavailable: _unavailable,
    IdempotencyKeyInvalid: _key_not_valid,
    TooManyRequests: _too_many,
    KeyReused: _key_reused,
    StillRunning: _still_running,
}
EXPECTED = tuple(_HANDLERS)
"""The errors that have an answer of their own; all others are bugs."""
