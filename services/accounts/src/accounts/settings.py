"""Settings of the service, from the environment."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict
from service_kit.settings import ServiceSettings


def _tokens(value: object) -> object:
    """`["A","B"]`, `A,B` or nothing."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [token.strip() for token in value.split(",") if token.strip()]


class Settings(ServiceSettings):
    """What the operator may set, with the prefix `ACCOUNTS_` where no other name is given."""

    # A setting that is refused is named without its value: it may be a secret.
    model_config = SettingsConfigDict(env_prefix="ACCOUNTS_", hide_input_in_errors=True)

    database_url: str = Field(repr=False)
    config_password: SecretStr = Field(min_length=1)
    """Unlocks the vault; also the password of the keystores written for instances."""
    config_password_next: SecretStr | None = None
    """Tried where `config_password` does not open the vault: a rotation that is not finished yet."""
    transport_key: SecretStr
    """Base64 of the 32 bytes that accounts and trading share."""
    account_update_interval: float = Field(default=5, gt=0, validation_alias="ACCOUNT_UPDATE_INTERVAL")
    """Minutes between two snapshots of the portfolio; may be a fraction."""
    banned_tokens: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_tokens)] = Field(
        default=("NAV", "ARS", "ETHW", "ETHF"), validation_alias="BANNED_TOKENS"
    )
    """Tokens left out of the portfolio: a JSON list, or names separated by commas."""
    history_full_days: int = Field(default=7, ge=1)
    """How long every snapshot is kept."""
    history_hourly_days: int = Field(default=90, ge=1)
    """Up to which age one snapshot an hour is kept; after that, one a day."""
    history_daily_days: int | None = Field(default=None, ge=1)
    """Up to which age one snapshot a day is kept; None: for ever."""

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

    @property
    def update_interval(self) -> timedelta:
        """The time between two snapshots."""
        return timedelta(minutes=self.account_update_interval)
