"""What the operator decides, from the environment and `.env`; the real environment wins."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIXES = {
    "accounts": ("ACCOUNTS_",),
    "trading": ("TRADING_",),
    "market-data": ("MARKET_DATA_",),
    "gateway-api": ("GATEWAY_API_", "CORS_"),
    "sandbox-exchange": ("SANDBOX_EXCHANGE_",),
}
"""Variables handed to a service as they are."""

REFERENCE_NAMES = {"accounts": ("ACCOUNT_UPDATE_INTERVAL", "BANNED_TOKENS")}
"""Variables with the reference's names, by the service that reads them."""

DEFAULT_PORT = 8000

GATEWAY = "gateway-api"
TLS_CERT, TLS_KEY = "GATEWAY_API_TLS_CERT", "GATEWAY_API_TLS_KEY"

EXTERNAL = {"nats_url": "NATS_URL", "database_url": "DATABASE_URL", "mqtt_url": "MQTT_URL"}


class SettingsInvalid(Exception):
    """A variable that cannot be used; the text names it."""


class StackSettings(BaseModel):
    """The settings of the whole stack. Secrets among them are never shown by `repr`."""

    model_config = ConfigDict(frozen=True)

    home: Path = Path(".hummingbus")
    port: int | None = Field(default=None, ge=1, le=65535)
    """The gateway's port; None for the one of the last start, 8000 at the first."""
    venue: Literal["sandbox", "live"] = "sandbox"
    log_level: str = "INFO"
    otlp_endpoint: str | None = None
    username: str = "admin"
    password: str | None = Field(default=None, repr=False)
    config_password: str | None = Field(default=None, repr=False)
    nats_url: str | None = Field(default=None, repr=False)
    database_url: str | None = Field(default=None, repr=False)
    mqtt_url: str | None = Field(default=None, repr=False)
    trading_replicas: int = Field(default=1, ge=1, le=16)
    """How many processes share the trading sessions."""
    market_data_replicas: int = Field(default=1, ge=1, le=16)
    """How many processes share the feeds of market data."""
    services: dict[str, dict[str, str]] = Field(default_factory=dict, repr=False)
    """Per service, the variables handed to it as they are; they win over what the launcher computes."""

    @property
    def scheme(self) -> str:
        """`https` when the gateway has a certificate."""
        return "https" if TLS_CERT in self.services.get(GATEWAY, {}) else "http"


def load_settings(environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> StackSettings:
    """The settings of this shell and directory. Raises SettingsInvalid."""
    real = os.environ if environment is None else environment
    filed = {name: value for name, value in dotenv_values(dotenv).items() if value}
    merged = filed | {name: value for name, value in real.items() if value}
    values: dict[str, Any] = {
        "home": Path(merged.get("HUMMINGBUS_HOME", ".hummingbus")).expanduser().absolute(),
        "username": _username(real, filed),
        "services": {service: _handed_to(service, merged) for service in PREFIXES},
    }
    named = {"port": "HUMMINGBUS_PORT", "venue": "HUMMINGBUS_VENUE", "log_level": "LOG_LEVEL"}
    named |= {
        "trading_replicas": "HUMMINGBUS_TRADING_REPLICAS",
        "market_data_replicas": "HUMMINGBUS_MARKET_DATA_REPLICAS",
        "password": "PASSWORD",
        "config_password": "CONFIG_PASSWORD",
        "otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
    } | EXTERNAL
    values |= {field: merged[variable] for field, variable in named.items() if variable in merged}
    if "database_url" in values:
        # The reference writes the driver into the URL.
        values["database_url"] = str(values["database_url"]).replace("postgresql+asyncpg://", "postgresql://", 1)
    try:
        return StackSettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        variable = named.get(str(first["loc"][0]), str(first["loc"][0]))
        msg = f"{variable}: {first['msg']}"
        raise SettingsInvalid(msg) from None


def _username(real: Mapping[str, str], filed: Mapping[str, str]) -> str:
    """Many shells set USERNAME to the system's user: the environment's counts only beside a PASSWORD from there."""
    if real.get("USERNAME") and real.get("PASSWORD"):
        return real["USERNAME"]
    return filed.get("USERNAME", "admin")


def _handed_to(service: str, merged: Mapping[str, str]) -> dict[str, str]:
    handed = {name: value for name, value in merged.items() if name.startswith(PREFIXES[service])}
    handed |= {name: merged[name] for name in REFERENCE_NAMES.get(service, ()) if name in merged}
    # The services run in the home: what the operator names is meant from here.
    handed |= {name: str(Path(handed[name]).expanduser().absolute()) for name in (TLS_CERT, TLS_KEY) if name in handed}
    if "BANNED_TOKENS" in handed:
        handed["BANNED_TOKENS"] = json.dumps(_token_list(handed["BANNED_TOKENS"]))
    return handed


def _token_list(text: str) -> list[str]:
    """Tokens written as a JSON list or separated by commas."""
    if not text.lstrip().startswith("["):
        return [token.strip() for token in text.split(",") if token.strip()]
    try:
        return [str(token) for token in json.loads(text)]
    except json.JSONDecodeError as error:
        msg = f"BANNED_TOKENS: neither a JSON list nor tokens separated by commas: {error}"
        raise SettingsInvalid(msg) from None
