"""Types of request fields that several families share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway_api.domain.times import instant

Text = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A line of text: nothing a database or a subject cannot hold."""


AccountName = Annotated[Text, Path(description="Letters, digits, `_` and `-`.", examples=["master_account"])]
ConnectorName = Annotated[Text, Path(description="As `/connectors/` lists it.", examples=["binance"])]


def _none_when_empty(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return value or None


Texts = Annotated[
    tuple[Text, ...] | None,
    Field(max_length=1000),
    AfterValidator(_none_when_empty),
]
"""A filter by names; an empty list filters nothing."""


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise PydanticCustomError("time_type", "Input should be a Unix time in seconds or milliseconds")
    try:
        return instant(Decimal(str(value)))
    except (ValueError, InvalidOperation) as error:
        raise PydanticCustomError("time_value", "Input should be a Unix time in seconds or milliseconds") from error


UnixTime = Annotated[
    datetime | None,
    BeforeValidator(_instant),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}),
]
"""A Unix time in milliseconds, or in seconds when it is below 10^11."""

Limit = Annotated[int, Field(ge=1, le=1000, description="Rows of a page.")]
Cursor = Annotated[
    str | None, StringConstraints(max_length=4096), Field(description="`pagination.next_cursor` of the page before.")
]
AccountNames = Annotated[Texts, Field(description="Only these accounts.", examples=[["master_account"]])]
ConnectorNames = Annotated[Texts, Field(description="Only these connectors.", examples=[["binance"]])]
TradingPairs = Annotated[Texts, Field(description="Only these trading pairs.", examples=[["BTC-USDT"]])]
From = Annotated[UnixTime, Field(description="From this time on: Unix milliseconds, or seconds below 10^11.")]
Until = Annotated[UnixTime, Field(description="Up to this time: Unix milliseconds, or seconds below 10^11.")]
