"""The baseline of the gateway: granian and Starlette with one JSON route behind the gateway's own authentication.

`python -m bench.bare_server PORT` serves `GET /accounts/` for the user `trader` until it is ended.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys

import uvloop
from gateway_api.adapters.web_server import Listening, WebServer
from gateway_api.handlers.authentication import Authenticator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.stack import PASSWORD, USERNAME


class _KnownPassword:
    async def verify(self, password: str) -> bool:
        return password == PASSWORD


def application() -> Starlette:
    """The bare application."""
    authenticator = Authenticator(USERNAME, _KnownPassword())

    async def accounts(request: Request) -> Response:
        header = request.headers.get("authorization", "").removeprefix("Basic ")
        username, _, password = base64.b64decode(header).decode().partition(":")
        if not await authenticator.authenticate(username, password):
            return Response(status_code=401)
        return Response(json.dumps(["master_account"]), media_type="application/json")

    return Starlette(routes=[Route("/accounts/", accounts)])


async def serve(port: int) -> None:
    """Serves until cancelled."""
    await WebServer(application(), Listening("127.0.0.1", port)).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
