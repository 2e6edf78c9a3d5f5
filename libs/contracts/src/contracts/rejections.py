"""Refusals. A rejection is raised by `decide` or a handler, crosses the bus as JSON and becomes problem+json at the gateway."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """Why a command was refused; the gateway's status code follows from it."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_EXCEEDED = "rate_exceeded"


STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.RATE_EXCEEDED: 429,
}


class Rejection(Exception):
    """A command refused for a reason the caller can act on.

    `detail` is for people and names the field and the rule; `field` is the field's name where one is to blame;
    `retry_after` are the seconds after which the same command may be accepted, where time heals it. The code is the class's
    name.
    """

    kind: ClassVar[Kind]

    def __init__(self, detail: str, *, field: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        """The class name: one name on the wire, in metrics and in the docs."""
        return type(self).__name__

    @property
    def status(self) -> int:
        """The HTTP status of this kind of refusal."""
        return STATUS[self.kind]


class Unavailable(Exception):
    """The service cannot serve this now: 503 with `Retry-After` seconds."""

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class CommandUnreadable(Rejection):
    """The message did not parse as its class."""

    kind = Kind.INVALID


class CursorInvalid(Rejection):
    """A page cursor that this server did not make."""

    kind = Kind.INVALID
