"""Answers of /market-data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Candle(BaseModel):
    """One candle; what the exchange does not tell is null."""

    timestamp: float = Field(description="When it opened, Unix seconds.", examples=[1763913600.0])
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    quote_asset_volume: float | None
    n_trades: float | None
    taker_buy_base_volume: float | None
    taker_buy_quote_volume: float | None


class ActiveFeed(BaseModel):
    """A running feed."""

    model_config = ConfigDict(extra="allow")

    feed_type: str = Field(examples=["candles"])
    last_access_time: float
    seconds_since_access: float
    will_expire_in: float = Field(description="Seconds until it is closed unless somebody asks.")
    config: str
    status: str = Field(description="`live` while the exchange's stream tells; `asking` while it does not.", examples=["live"])
    reason: str | None = None


class FeedSettings(BaseModel):
    """How long feeds live."""

    cleanup_interval: int
    feed_timeout: int
    description: str


class Span(BaseModel):
    """From `start` up to but not including `end`, Unix seconds."""

    start: int
    end: int


class StoredCandles(BaseModel):
    """What the candle store holds of one series."""

    connector: str
    trading_pair: str
    interval: str
    complete: list[Span] = Field(description="Where all candles the exchange has are kept.")
    candles: int
    gaps: list[Span] = Field(description="Where the exchange itself has no candles between two others.")
    bytes: int
