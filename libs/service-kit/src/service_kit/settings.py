"""Settings every service has. Each service adds its own and its prefix in a subclass."""

from __future__ import annotations

import os
import secrets
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

ENV_FILE_VARIABLE = "HUMMINGBUS_ENV_FILE"


class ServiceSettings(BaseSettings):
    """Frozen settings from the environment, then from the file named by `HUMMINGBUS_ENV_FILE` (the environment wins).

    `nats_url` and `database_url` carry their passwords; neither is ever printed. A subclass sets
    `model_config = SettingsConfigDict(env_prefix="ACCOUNTS_")`. Raises pydantic's ValidationError naming what is missing.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)

    nats_url: str = Field(repr=False)
    database_url: str | None = Field(default=None, repr=False)
    health_port: int = Field(default=0, ge=0, le=65535)
    log_level: str = "INFO"
    replica: str = Field(default_factory=lambda: secrets.token_hex(4), pattern=r"^[A-Za-z0-9_-]{1,64}$")
    venue: Literal["sandbox", "live"] = Field(default="sandbox", validation_alias=AliasChoices("HUMMINGBUS_VENUE"))
    otlp_endpoint: str | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the service's own file."""
        file = os.environ.get(ENV_FILE_VARIABLE)
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, DotEnvSettingsSource(settings_cls, env_file=file)
