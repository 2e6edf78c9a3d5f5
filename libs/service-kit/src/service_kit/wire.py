"""Headers and bodies on the bus: metadata, answers and refusals."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts import naming
from contracts.message import Message, Metadata
from contracts.rejections import CommandUnreadable, Rejection, Unavailable
from pydantic import ValidationError

_UUID_HEADERS = {
    "message_id": naming.HEADER_MESSAGE_ID,
    "causation_id": naming.HEADER_CAUSATION_ID,
    "correlation_id": naming.HEADER_CORRELATION_ID,
}


def metadata_headers(metadata: Metadata) -> dict[str, str]:
    """The headers that carry `metadata`."""
    headers = {naming.HEADER_MESSAGE_ID: str(metadata.message_id), naming.HEADER_ACTOR: metadata.actor}
    if metadata.causation_id is not None:
        headers[naming.HEADER_CAUSATION_ID] = str(metadata.causation_id)
    if metadata.correlation_id is not None:
        headers[naming.HEADER_CORRELATION_ID] = str(metadata.correlation_id)
    if metadata.traceparent is not None:
        headers[naming.HEADER_TRACEPARENT] = metadata.traceparent
    return headers


def read_metadata(headers: Mapping[str, str]) -> Metadata:
    """The metadata in `headers`; a message without an id gets a new one. Raises CommandUnreadable naming the header."""
    ids: dict[str, UUID] = {}
    for field, header in _UUID_HEADERS.items():
        text = headers.get(header)
        if text is None:
            continue
        try:
            ids[field] = UUID(text)
        except ValueError as error:
            detail = f"{header}: not a UUID"
            raise CommandUnreadable(detail, field=header) from error
    return Metadata(
        actor=headers.get(naming.HEADER_ACTOR, "system"),
        traceparent=headers.get(naming.HEADER_TRACEPARENT),
        **ids,
    )


def parse[M: Message](message: type[M], payload: bytes) -> M:
    """`payload` as a message of this class. Raises CommandUnreadable naming every field to blame, never its value."""
    try:
        return message.model_validate_json(payload or b"{}")
    except ValidationError as error:
        problems = [
            (".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_input=False, include_url=False)
        ]
        detail = "; ".join(f"{field or 'body'}: {text}" for field, text in problems)
        raise CommandUnreadable(detail, field=problems[0][0] or None) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status, the final JSON, seconds after which to try again, for how long it may be kept."""

    status: int
    body: bytes
    retry_after: int | None = None
    keep: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the reply."""
        headers = {naming.HEADER_STATUS: str(self.status)}
        if self.retry_after is not None:
            headers[naming.HEADER_RETRY_AFTER] = str(self.retry_after)
        if self.keep is not None:
            headers[naming.HEADER_KEEP] = self.keep
        return headers


def _problem(status: int, detail: str, code: str, **more: Any) -> bytes:
    title = http.HTTPStatus(status).phrase
    return json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **more}
    ).encode()


def refused(rejection: Rejection) -> Answer:
    """The answer to a command or query that was refused."""
    body = _problem(rejection.status, rejection.detail, rejection.code, field=rejection.field)
    return Answer(rejection.status, body, rejection.retry_after)


def unavailable(reason: Unavailable) -> Answer:
    """The answer when this cannot be served now; its code is the class's name."""
    return Answer(503, _problem(503, reason.detail, type(reason).__name__, field=None), reason.retry_after)


def failed(trace_id: str) -> Answer:
    """The answer to a bug: no internals, but the trace to look for."""
    return Answer(500, _problem(500, "Internal error", "InternalError", field=None, trace_id=trace_id))
