"""`dry_run=true`: the owning service judges the request as if it were meant; nothing is stored and nothing is sent."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from gateway_api.rest.given import Given

NAME = "dry_run"
_BOOLEAN = TypeAdapter(bool)

DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {
            "name": NAME,
            "in": "query",
            "required": False,
            "schema": {"type": "boolean", "default": False},
            "description": "Only check the request, as far as it can be checked without carrying it out. Nothing is stored and"
            ' nothing is sent to the exchange; a request that would be taken is answered with 200, `"dry_run": true` and what'
            " would happen, any other as ever.",
        }
    ]
}
"""For `openapi_extra` of a route with a `DryRun`."""


def _wanted(request: Request) -> bool:
    if not request.scope["query_string"]:
        return False
    given = request.query_params.get(NAME, "false")
    try:
        return _BOOLEAN.validate_python(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**each, "loc": ("query", NAME)} for each in errors]) from error


DryRun = Annotated[bool, Given(_wanted)]
"""Whether the request is a rehearsal. Read from the query itself, so that a route with it keeps the short way (`direct`)."""
