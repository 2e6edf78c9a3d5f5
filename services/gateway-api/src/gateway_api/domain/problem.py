"""Bodies of refusals: RFC 9457 problem details that also carry the contract's `detail`."""

from __future__ import annotations

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, code: str, field: str | None = None) -> bytes:
    """The JSON of a problem; `code` is the name of the refusal, as in the services' own problems."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, "field": field}
    return json.dumps(body).encode()


def with_status(body: bytes, status: int) -> bytes:
    """A service's problem as another status, for the routes whose contract names another code for a case."""
    return json.dumps({**json.loads(body), "status": status, "title": HTTPStatus(status).phrase}).encode()
