"""What all HTTP doors share: refusals become Binance's error bodies, answers become compact JSON."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.handlers.streams import dumps

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(payload: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(text=dumps(payload), status=status, content_type="application/json")


def refusal(error: Refused) -> web.Response:
    """Binance's error body."""
    return answer({"code": error.code, "msg": error.message}, error.status)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals with their code and text, and unknown paths and methods in the same shape."""
    try:
        return await handler(request)
    except Refused as error:
        return refusal(error)
    except web.HTTPException as error:
        return answer({"code": -1000, "msg": error.reason}, error.status)


def trusted(token: str, handler: Handler) -> Handler:
    """A handler for the operator only: without the header `X-Admin-Token` it answers 401."""

    async def handle(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("X-Admin-Token", "")
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise Refused(-2015, "Invalid admin token.", 401)
        return await handler(request)

    return handle


async def json_body(request: web.Request) -> Mapping[str, Any]:
    """The JSON object of a body; empty without a body. Raises Refused for anything else."""
    try:
        body = await request.json() if request.can_read_body else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(-1100, "The body must be a JSON object.")
    return body


def query_text(request: web.Request) -> str:
    """The query string exactly as it was sent."""
    return request.raw_path.partition("?")[2]
