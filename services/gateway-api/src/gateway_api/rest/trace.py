"""Names of one call: its W3C trace and its request id."""

from __future__ import annotations

import re
from uuid import UUID, uuid5

REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
REQUEST_NAMESPACE = UUID("b1f1e9d2-6f64-5c1e-8f0b-2a5b1c9e7d44")
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def readable_traceparent(header: str | None) -> str | None:
    """The header when it is a valid version 00 `traceparent`, else None: a trace is then started here."""
    return header if header is not None and TRACEPARENT.fullmatch(header) else None


def readable_request_id(header: str | None) -> str | None:
    """The caller's request id when it is 1 to 128 visible ASCII characters, else None."""
    return header if header is not None and REQUEST_ID.fullmatch(header) else None


def correlation_id(request_id: str) -> UUID:
    """What correlates everything a request caused: its id when that is a UUID, else a UUID derived from it."""
    try:
        return UUID(request_id)
    except ValueError:
        return uuid5(REQUEST_NAMESPACE, request_id)
