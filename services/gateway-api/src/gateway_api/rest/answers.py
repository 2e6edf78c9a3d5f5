"""Replies of the services as HTTP responses, without parsing them again."""

from __future__ import annotations

import json

from starlette.responses import Response

from gateway_api.domain import problem
from gateway_api.rest.services import Answer

JSON = "application/json"


def relayed(answer: Answer, status: int = 200) -> Response:
    """The service's bytes under `status`, or its refusal."""
    return Response(answer.body, status, media_type=JSON) if answer.status < 400 else refusal(answer)


def told(answer: Answer, message: str, status: int = 200) -> Response:
    """The contract's `{"message"}` for an accepted command, or the service's refusal."""
    return done(message, status) if answer.status < 400 else refusal(answer)


def done(message: str, status: int = 200) -> Response:
    """The contract's `{"message"}`."""
    return Response(json.dumps({"message": message}), status, media_type=JSON)


def refusal(answer: Answer, status: int | None = None) -> Response:
    """The service's problem, under another status where the contract names one for the case."""
    body = answer.body if status is None else problem.with_status(answer.body, status)
    headers = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
    return Response(body, status or answer.status, headers, media_type=problem.MEDIA_TYPE)
