"""How the opener of a WebSocket says who they are.

In this order: an `Authorization: Basic` header; a subprotocol `basic.<base64url of user:password>` offered beside others, for
browsers, which can send no header; and, only because clients of the Hummingbot API do so, `?token=<base64 of user:password>` or
`?username=&password=`. What is in a URL gets into the logs of proxies; this server writes no query anywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from starlette.websockets import WebSocket

SUBPROTOCOL = "basic."
"""The subprotocol that holds credentials; it is never the one that is chosen."""


def authorization(socket: WebSocket) -> str:
    """The credentials as an `Authorization` header; empty when there are none. The first way that is used counts."""
    header = socket.headers.get("authorization")
    if header is not None:
        return header
    offered: Sequence[str] = socket.scope.get("subprotocols", ())
    for each in offered:
        if each.startswith(SUBPROTOCOL):
            encoded = each.removeprefix(SUBPROTOCOL).replace("-", "+").replace("_", "/")
            return f"Basic {_padded(encoded)}"
    query = socket.query_params
    if "token" in query:
        # Clients put the plain base64 into the URL, where a plus sign means a space.
        return f"Basic {_padded(query['token'].replace(' ', '+'))}"
    if "username" in query and "password" in query:
        both = f"{query['username']}:{query['password']}"
        return f"Basic {base64.b64encode(both.encode('utf-8', 'surrogatepass')).decode()}"
    return ""


def chosen(socket: WebSocket) -> str | None:
    """The subprotocol to answer with: the first that is offered and no credential, as browsers demand one of those."""
    offered: Sequence[str] = socket.scope.get("subprotocols", ())
    return next((each for each in offered if not each.startswith(SUBPROTOCOL)), None)


def _padded(encoded: str) -> str:
    """Base64 with the signs at its end that many leave out; not ASCII is not base64."""
    return encoded + "=" * (-len(encoded) % 4) if encoded.isascii() else ""
