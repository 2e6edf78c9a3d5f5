"""Responses that several routes document alike."""

from __future__ import annotations

from typing import Any

from gateway_api.domain.problem import MEDIA_TYPE
from gateway_api.views.problems import Detail, HTTPValidationError, Problem

type Responses = dict[int | str, dict[str, Any]]

_RETRY_AFTER = {"Retry-After": {"description": "Seconds until a retry makes sense.", "schema": {"type": "integer"}}}


def refused(status: int, description: str) -> Responses:
    """A refusal of the owning service as problem details."""
    return {status: {"description": description, "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}}


def rate_exceeded(description: str) -> Responses:
    """429 with the seconds to wait."""
    return {429: {**refused(429, description)[429], "headers": _RETRY_AFTER}}


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


UNAUTHENTICATED: Responses = {
    401: {
        "model": Detail,
        "description": "No or wrong credentials.",
        "headers": {"WWW-Authenticate": {"description": "Always `Basic`.", "schema": {"type": "string"}}},
    }
}
NOT_VALID: Responses = {
    422: {
        "model": HTTPValidationError,
        "description": "The request does not fit its schema, or nests deeper than `GATEWAY_API_MAX_DEPTH`, by default 32.",
    }
}
UNAVAILABLE: Responses = {
    503: {
        "description": "The owning service or the exchange cannot serve this now. After a timeout of a command the outcome "
        "may be unknown: repeat it with the same `Idempotency-Key`.",
        "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
        "headers": _RETRY_AFTER,
    }
}
TOO_LONG: Responses = {
    414: {"description": "The query is longer than `GATEWAY_API_MAX_QUERY`, by default 32 KiB (no body from 64 KiB on)."}
}
COMMON: Responses = {
    **UNAUTHENTICATED,
    **refused(403, "A browser sent this for a web page that CORS does not allow."),
    **TOO_LONG,
    **NOT_VALID,
    **rate_exceeded("Too many requests, or too many wrong passwords."),
    **refused(431, "The headers are larger than `GATEWAY_API_MAX_HEADERS`, by default 32 KiB, or more than 100."),
    **UNAVAILABLE,
}
"""What every route of a family may answer."""

WITH_A_BODY = {
    "408": {
        "description": "The body did not arrive within `GATEWAY_API_BODY_TIMEOUT`, by default 30 seconds.",
        "content": {"application/json": {"schema": _reference("Detail")}},
    },
    "413": {
        "description": "The body is larger than `GATEWAY_API_MAX_BODY`, by default 512 KiB.",
        "content": {"application/json": {"schema": _reference("Detail")}},
    },
}
"""What every route may answer that reads a body, by status as the document writes it."""

REFERENCED = (Problem,)
"""Models that responses name by reference; the application adds their schemas to the document."""

UNKNOWN_ACCOUNT = refused(404, "No account of this name.")
UNKNOWN_CONNECTOR = refused(404, "No connector of this name.")
CURSOR_INVALID = refused(400, "The cursor was not made by this server.")
KEY_INVALID = refused(400, "The Idempotency-Key is not 1 to 255 visible ASCII characters.")
KEY_REUSED: Responses = {
    422: {
        "model": HTTPValidationError,
        "description": "The request does not fit its schema, or its Idempotency-Key was used for another request.",
        "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
    }
}


def commanded(conflict: str = "") -> Responses:
    """What a route with an Idempotency-Key may answer beyond its family; `conflict` is its own reason for a 409."""
    reasons = f"{conflict} Or the request with this Idempotency-Key is still being carried out.".strip()
    running: Responses = {409: {**refused(409, reasons)[409], "headers": _RETRY_AFTER}}
    return {**KEY_INVALID, **running, **KEY_REUSED}
