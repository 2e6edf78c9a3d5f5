"""Settings of the service, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict
from service_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the operator may set, each with the prefix `MARKET_DATA_`. Times are seconds."""

    model_config = SettingsConfigDict(env_prefix="MARKET_DATA_")

    candle_dir: Path
    """Where candles are kept; replicas on one machine may share it."""
    sandbox_url: str | None = None
    """The sandbox exchange; required in sandbox mode, where no other host is called."""
    feed_timeout: float = Field(default=600, gt=0)
    """After which a feed that nobody asked for is closed."""
    cleanup_interval: float = Field(default=300, gt=0)
    """How often feeds are looked through for such."""
    candles_ready_timeout: float = Field(default=30, gt=0, le=50)
    """How long a request waits for a feed to start."""
    history_timeout: float = Field(default=90, gt=0, le=110)
    """How long a request waits for history of the exchange; what came by then is kept."""

    tickers: tuple[str, ...] = ("binance", "binance_perpetual")
    """Connectors whose tickers are the pool: of a pair that several have, the first one's price counts. A JSON list."""

    @model_validator(mode="after")
    def _sandbox_has_an_exchange(self) -> Self:
        if self.venue == "sandbox" and self.sandbox_url is None:
            msg = "MARKET_DATA_SANDBOX_URL is required when HUMMINGBUS_VENUE is sandbox"
            raise ValueError(msg)
        return self
