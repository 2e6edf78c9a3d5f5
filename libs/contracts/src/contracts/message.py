"""What every message is: frozen data, plus the metadata that travels beside it.

A message class carries only what it means. Who sent it, why and as part of what travels as `Metadata`: in NATS
headers on the wire and in columns of the event log, so that `decide` and `evolve` never see an id or a clock.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
)

TOKEN_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"  # noqa: S105 - a pattern, not a secret
TOKEN = re.compile(TOKEN_PATTERN)

Token = Annotated[str, StringConstraints(pattern=TOKEN_PATTERN)]
"""An id that may stand in a subject: no dot, no wildcard, so no id can forge another subject."""


def plain_decimal(value: Decimal) -> str:
    """The plain decimal text of a finite number: no exponent, no trailing zeros (`0.1`, `100`, `0.00000001`)."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


Amount = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=60),
    PlainSerializer(plain_decimal, return_type=str, when_used="json"),
]
"""A finite decimal of money, size or price; text on the wire, never a float."""

Time = AwareDatetime
"""A time with its zone; producers write UTC."""


def _secret_text(value: object) -> object:
    """JSON values as text for the engine's config maps: `true`, `12`, `a,b` for a list, JSON for an object; null is empty."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return str(value)
        case list() | tuple():
            return ",".join(str(part) for part in value)
        case dict():
            return json.dumps(value)
        case _:
            return value


Secret = Annotated[
    SecretStr,
    BeforeValidator(_secret_text),
    PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json"),
]
"""Text that shows as `**********` in repr, logs and `model_dump()`; only the JSON that goes on the wire holds it."""


class Message(BaseModel):
    """A frozen message. `context` and `noun` place it on the bus; the class name is its name everywhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    context: ClassVar[str]
    noun: ClassVar[str]


class Command(Message):
    """An intention, sent by request/reply. It may be refused with a `Rejection`."""


class Event(Message):
    """A fact, stored in the event log and then published on the context's stream.

    When stored events of a class no longer parse, its `class_version` grows by one and the class gets a static method
    `upcast_v1_v2(state: dict[str, Any]) -> None` (then `upcast_v2_v3`, ...) that changes the decoded JSON of an old event
    in place; `eventlog` applies them on reading.
    """

    class_version: ClassVar[int] = 1


class Query(Message):
    """A question, answered with bytes by the owning service. It changes nothing."""

    repeatable: ClassVar[bool] = True
    """Whether it may be asked again while it is not answered, because that costs little."""


class Update(Message):
    """The state of something live, told on core NATS while somebody wants it: never stored, lost when nobody listens."""

    owner: str
    """The process that tells, another one after a restart."""
    number: int
    """One more than that of the update before, of one owner and subject."""
    at: float
    """When the state was looked at, Unix seconds."""
    trouble: str | None = None
    """Why there is no state to serve now; then the rest says nothing."""


class Reply(BaseModel):
    """The answer to a command that was accepted."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Metadata(BaseModel):
    """Where a message comes from. `message_id` of a command is its idempotency key."""

    model_config = ConfigDict(frozen=True)

    message_id: UUID = Field(default_factory=uuid4)
    causation_id: UUID | None = None
    correlation_id: UUID | None = None
    actor: str = "system"
    traceparent: str | None = None

    def caused(self, message_id: UUID | None = None) -> Metadata:
        """The metadata of a message caused by this one: same correlation, actor and trace."""
        return Metadata(
            message_id=message_id or uuid4(),
            causation_id=self.message_id,
            correlation_id=self.correlation_id or self.message_id,
            actor=self.actor,
            traceparent=self.traceparent,
        )


def utc_now() -> datetime:
    """The current time, aware, in UTC. Only shells call this; the domain receives times."""
    return datetime.now(UTC)
