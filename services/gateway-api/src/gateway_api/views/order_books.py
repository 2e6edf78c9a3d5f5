"""Answers of /market-data about order books, prices and funding."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Level(BaseModel):
    """What is offered at one price, in base tokens."""

    price: float
    amount: float


class OrderBook(BaseModel):
    """The best levels, best first."""

    trading_pair: str
    bids: list[Level]
    asks: list[Level]
    timestamp: float


class OrderBookResult(BaseModel):
    """What a taker would get now; null is what was not asked for, or what the book is not deep enough for."""

    trading_pair: str
    is_buy: bool
    query_volume: float | None
    query_quote_volume: float | None = None
    query_price: float | None
    result_price: float | None
    result_volume: float | None = Field(description="Base tokens.")
    result_quote_volume: float | None = Field(description="Quote tokens.")
    average_price: float | None
    price_impact_pct: float | None = Field(
        default=None, description="How much worse the average price is than the best one, in percent."
    )
    timestamp: float


class Prices(BaseModel):
    """Last traded prices by trading pair."""

    connector: str
    prices: dict[str, float]
    timestamp: float


class FundingInfo(BaseModel):
    """Funding of a perpetual contract."""

    trading_pair: str
    funding_rate: float
    next_funding_time: float = Field(description="Unix seconds.")
    mark_price: float
    index_price: float
