"""Settings of the service, from the environment."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict
from service_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the operator may set, with the prefix `TRADING_`. Times are seconds."""

    model_config = SettingsConfigDict(env_prefix="TRADING_")

    database_url: str = Field(repr=False)
    transport_key: SecretStr
    """Base64 of the 32 bytes that accounts and trading share."""
    sandbox_url: str | None = None
    """The sandbox exchange; required in sandbox mode, where no other host is called."""
    data_dir: Path | None = None
    """A private directory for the files the engine writes; a temporary one by default."""
    reconcile_interval: float = Field(default=60, gt=0)
    settle_seconds: float = Field(default=10, gt=0)
    """After which an order that the exchange does not know can no longer arrive there: longer than its receive window."""

    order_patience: float = Field(default=1, ge=0, le=10)
    """How long an order may wait for its place in the exchange's rate limits; one that would wait longer is refused (429)."""

    @field_validator("transport_key")
    @classmethod
    def _has_32_bytes(cls, key: SecretStr) -> SecretStr:
        try:
            size = len(base64.b64decode(key.get_secret_value(), validate=True))
        except binascii.Error as error:
            msg = "is not base64"
            raise ValueError(msg) from error
        if size != 32:
            msg = "is not the base64 of 32 bytes"
            raise ValueError(msg)
        return key

    @model_validator(mode="after")
    def _sandbox_has_an_exchange(self) -> Self:
        if self.venue == "sandbox" and self.sandbox_url is None:
            msg = "TRADING_SANDBOX_URL is required when HUMMINGBUS_VENUE is sandbox"
            raise ValueError(msg)
        return self
