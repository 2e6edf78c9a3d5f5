"""Answers of /connectors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ConfigField(BaseModel):
    """One field of a connector's credential."""

    type: str = Field(description="The kind of value.", examples=["SecretStr"])
    required: bool
    allowed_values: list[Any] | None = Field(default=None, description="Where only some values are possible.")


class TradingRule(BaseModel):
    """The exchange's limits for a trading pair; absent limits are the engine's 1e56 and 1e-56."""

    min_order_size: float
    max_order_size: float | None = None
    min_price_increment: float
    min_base_amount_increment: float
    min_quote_amount_increment: float
    min_notional_size: float
    min_order_value: float
    max_price_significant_digits: float
    supports_limit_orders: bool
    supports_market_orders: bool
    buy_order_collateral_token: str | None = None
    sell_order_collateral_token: str | None = None


class TradingPairNotFound(BaseModel):
    """In place of the rule of a requested pair that the exchange does not list."""

    model_config = ConfigDict(json_schema_extra={"example": {"error": "Trading pair X-Y not found"}})

    error: str


class OrderTypes(BaseModel):
    """The order types a connector supports."""

    connector: str = Field(examples=["binance"])
    supported_order_types: list[str] = Field(examples=[["LIMIT", "LIMIT_MAKER", "MARKET"]])
