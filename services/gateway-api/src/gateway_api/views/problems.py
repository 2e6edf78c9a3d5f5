"""What errors look like."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Detail(BaseModel):
    """An error of the contract's own shape."""

    model_config = ConfigDict(json_schema_extra={"example": {"detail": "Not authenticated"}})

    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details that also carry the contract's `detail`."""

    type: str = Field(default="about:blank")
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(description="For people: names the field and the rule.", examples=["Account already exists."])
    code: str = Field(description="The class of the refusal: one name on the bus, in metrics and here.")
    field: str | None = Field(default=None, description="The field to blame, where there is one.")


class ValidationDetail(BaseModel):
    """One value that does not fit the request's schema."""

    type: str = Field(examples=["greater_than"])
    loc: list[str | int] = Field(examples=[["body", "amount"]])
    msg: str = Field(examples=["Input should be greater than 0"])
    input: Any = Field(default=None, examples=[0])
    ctx: dict[str, Any] | None = None


class HTTPValidationError(BaseModel):
    """Everything in a request that does not fit its schema."""

    detail: list[ValidationDetail]
