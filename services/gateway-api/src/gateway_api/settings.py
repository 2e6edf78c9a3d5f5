"""Settings of the gateway, from the environment or the service's env file."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict
from service_kit.settings import ServiceSettings

Listed = Annotated[tuple[str, ...], NoDecode]
"""A list written as JSON or with commas."""


class Settings(ServiceSettings):
    """`GATEWAY_API_*`, and the `CORS_*` names that users of the Hummingbot API know."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_API_")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    username: str = Field(min_length=1)
    password_hash: SecretStr
    """The argon2 hash of the one user's password."""

    answer_key: SecretStr | None = None
    """Key of the digests by which a repeated request is recognised; without one it is made from `password_hash`."""

    rate_limit: int = Field(default=20_000, ge=0)
    """Requests in `rate_window` that one user and one client address may make, also at once; 0 is no limit."""

    rate_window: int = Field(default=10, ge=1, le=3600)
    """Seconds."""

    login_failures: int = Field(default=10, ge=0)
    """Different wrong passwords for a user from an address before it is locked out; 0 is no limit."""

    login_lockout: int = Field(default=900, ge=1)
    """The longest lockout in seconds; the first is 1, and each further wrong password doubles it."""

    services: Listed = ("accounts", "trading")
    """The services that `/health` asks."""

    authentication_ttl: float = Field(default=300, gt=0)
    """Seconds for which verified credentials are remembered."""

    cors_allow_origins: Listed = Field(default=(), validation_alias=AliasChoices("CORS_ALLOW_ORIGINS"))
    cors_allow_origin_regex: str = Field(
        default=r"https?://(localhost|127\.0\.0\.1)(:\d+)?", validation_alias=AliasChoices("CORS_ALLOW_ORIGIN_REGEX")
    )
    cors_allow_credentials: bool = Field(default=True, validation_alias=AliasChoices("CORS_ALLOW_CREDENTIALS"))
    cors_allow_methods: Listed = Field(default=("*",), validation_alias=AliasChoices("CORS_ALLOW_METHODS"))
    cors_allow_headers: Listed = Field(default=("*",), validation_alias=AliasChoices("CORS_ALLOW_HEADERS"))

    def digest_key(self) -> bytes:
        """The same 32 bytes for every replica with these settings."""
        secret = self.answer_key or self.password_hash
        return hashlib.sha256(b"gateway-api answers\0" + secret.get_secret_value().encode()).digest()

    @field_validator("services", "cors_allow_origins", "cors_allow_methods", "cors_allow_headers", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [item.strip() for item in value.split(",") if item.strip()]
