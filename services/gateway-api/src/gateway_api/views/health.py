"""Answers of / and /health."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Root(BaseModel):
    """The greeting of the contract."""

    name: str = Field(examples=["Hummingbot API"])
    version: str = Field(description="The version of the API this server is compatible with.", examples=["1.0.1"])
    status: str = Field(examples=["running"])


class ServiceHealth(BaseModel):
    """One service."""

    status: Literal["ready", "not_ready"]
    reason: str | None = Field(default=None, description="Why it is not ready.")
    version: str | None = None
    replica: str | None = Field(default=None, description="Which replica answered.")


class SystemHealth(BaseModel):
    """The whole system: ready when every service is."""

    status: Literal["ready", "not_ready"]
    venue: Literal["sandbox", "live"]
    services: dict[str, ServiceHealth]
