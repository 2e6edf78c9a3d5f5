"""Answers about tickers and rates."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Ticker(BaseModel):
    """A pair's price and its volumes of the last 24 hours; null where the exchange does not tell."""

    price: float
    base_volume: float | None
    quote_volume: float | None
    timestamp: float = Field(description="When the exchange was asked, Unix seconds.")


class Tickers(BaseModel):
    """By connector. One that fails stands under `errors` with its reason."""

    tickers: dict[str, dict[str, Ticker]]
    counts: dict[str, int]
    updated_at: dict[str, float]
    errors: dict[str, str]


class Rates(BaseModel):
    """The price of each pair's base in its quote; null where there is none."""

    connector: str | None = Field(description="Whose tickers were used; null for the whole pool.")
    source: str | None
    quote_token: str
    rates: dict[str, float | None]
    missing: dict[str, str] = Field(description="Why there is no rate, by pair.")


class SingleRate(BaseModel):
    """One rate."""

    trading_pair: str
    rate: float
    source: str
    quote_token: str


class SourcePrices(BaseModel):
    """All pairs of a source."""

    source: str
    quote_token: str
    prices_count: int
    prices: dict[str, float]


class RateSource(BaseModel):
    """Where rates come from."""

    name: str


class GlobalToken(BaseModel):
    """The quote token of rates."""

    global_token_name: str
    global_token_symbol: str


class RateConfig(BaseModel):
    """The operator's choice."""

    rate_oracle_source: RateSource
    global_token: GlobalToken


class RateConfigWithSources(RateConfig):
    """The operator's choice, and what may be chosen."""

    available_sources: list[str]


class RateConfigChanged(BaseModel):
    """What holds now."""

    success: bool
    message: str
    config: RateConfig
