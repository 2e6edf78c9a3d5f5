"""What the executor decider is told: commands that never leave the process."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from contracts.message import Command
from contracts.trading import CloseType, ExecutorCreated, ExecutorFill, ExecutorStatus
from pydantic import JsonValue


class _Internal(Command):
    """Never leaves the process."""

    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "executor"

    executor_id: str


class Create(_Internal):
    """The executor is to run. Refused: ExecutorIdUsed when the id has another configuration."""

    created: ExecutorCreated


class Begin(_Internal):
    """`holder` runs it for the first time."""

    holder: str
    time: datetime


class Progress(_Internal):
    """Its own state changed; the fields are those of the event."""

    status: ExecutorStatus
    state: dict[str, JsonValue]
    placing: tuple[str, ...]
    seen: dict[str, JsonValue]
    figures: dict[str, Decimal]


class TakeUp(_Internal):
    """`holder` goes on where it stood."""

    holder: str
    orders_adopted: int
    fills_recovered: int
    time: datetime


class RequestStop(_Internal):
    """Somebody wants it to end. Refused: ExecutorUnknown, ExecutorNotActive."""

    keep_position: bool
    reason: str
    time: datetime


class FailStop(_Internal):
    """It could not end, and something stays open."""

    reason: str
    exposure: tuple[ExecutorFill, ...]
    time: datetime


class Falter(_Internal):
    """Something keeps it from going on."""

    reason: str
    time: datetime


class Strand(_Internal):
    """Nobody can run it now, and `exposure` stays on the exchange."""

    reason: str
    exposure: tuple[ExecutorFill, ...]
    time: datetime


class ConvertFee(_Internal):
    """A fee in a third token is worth `rate` times its amount; the fields are those of the event."""

    order_id: str
    trade_id: str
    token: str
    quote_token: str
    rate: Decimal
    time: datetime


class Reopen(_Internal):
    """These orders live, or have executed more, than was known when it was closed."""

    orders: tuple[str, ...]
    reason: str
    time: datetime


class Close(_Internal):
    """It ended and none of its orders is open."""

    close_type: CloseType
    figures: dict[str, Decimal]
    held: tuple[ExecutorFill, ...]
    custom_info: dict[str, JsonValue]
    reason: str | None
    time: datetime


ExecutorCommand = Create | Begin | Progress | TakeUp | RequestStop | FailStop | Falter | Strand | ConvertFee | Close | Reopen
