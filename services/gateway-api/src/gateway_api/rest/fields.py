"""Types of request fields that several families share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway_api.domain.amounts import FORMAT, LARGEST, NON_ZERO_FORMAT, SMALLEST, amount
from gateway_api.domain.times import LATEST_MILLISECOND, TEXT, instant

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
    readable = TEXT.fullmatch(value) if isinstance(value, str) else isinstance(value, int | float | Decimal)
    if isinstance(value, bool) or not readable:
        raise PydanticCustomError("time_type", "Input should be a Unix time in seconds or milliseconds")
    try:
        return instant(Decimal(str(value)))
    except (ValueError, InvalidOperation) as error:
        raise PydanticCustomError("time_value", "Input should be a Unix time in seconds or milliseconds") from error


UnixTime = Annotated[
    datetime | None,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": LATEST_MILLISECOND},
                {"type": "string", "pattern": f"^{TEXT.pattern}$"},
                {"type": "null"},
            ]
        }
    ),
]
"""A Unix time in milliseconds, or in seconds when it is below 10^11."""


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise PydanticCustomError("decimal_type", "Input should be a number, or its decimal text")
    try:
        return amount(value if isinstance(value, str) else Decimal(str(value)))
    except ValueError as error:
        raise PydanticCustomError("decimal_range", "Input should be {rule}", {"rule": str(error)}) from error


def _above_zero(value: Decimal) -> Decimal:
    if not value:
        raise PydanticCustomError("greater_than", "Input should be greater than 0")
    return value


def _amount_schema(least: float, text: str) -> WithJsonSchema:
    number = {"type": "number", "minimum": least, "maximum": float(LARGEST)}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": f"^{text}$"}]})


Positive = Annotated[
    Decimal, BeforeValidator(_amount), AfterValidator(_above_zero), _amount_schema(float(SMALLEST), NON_ZERO_FORMAT)
]
"""An amount above zero: a JSON number or decimal text."""

NonNegative = Annotated[Decimal, BeforeValidator(_amount), _amount_schema(0, FORMAT)]
"""An amount that may be zero: a JSON number or decimal text."""

Flag = StrictBool
"""`true` or `false` in a body; 0, 1 and texts are mistakes."""


def json_integer(value: Any) -> Any:
    """Texts and booleans are no numbers in JSON, although pydantic would read them as such."""
    if isinstance(value, str | bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


def json_number(value: Any) -> Any:
    """As `json_integer`, for numbers with a fraction."""
    if isinstance(value, str | bool):
        raise PydanticCustomError("float_type", "Input should be a valid number")
    return value


Limit = Annotated[int, Field(ge=1, le=1000, description="Rows of a page."), BeforeValidator(json_integer)]
Cursor = Annotated[
    str | None, StringConstraints(max_length=4096), Field(description="`pagination.next_cursor` of the page before.")
]
AccountNames = Annotated[Texts, Field(description="Only these accounts.", examples=[["master_account"]])]
ConnectorNames = Annotated[Texts, Field(description="Only these connectors.", examples=[["binance"]])]
TradingPairs = Annotated[Texts, Field(description="Only these trading pairs.", examples=[["BTC-USDT"]])]
From = Annotated[UnixTime, Field(description="From this time on: Unix milliseconds, or seconds below 10^11.")]
Until = Annotated[UnixTime, Field(description="Up to this time: Unix milliseconds, or seconds below 10^11.")]
