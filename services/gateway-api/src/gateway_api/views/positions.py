"""Answers of /trading about positions."""

from __future__ import annotations

from typing import Literal

from contracts.trading import PositionSide
from pydantic import BaseModel, Field

from gateway_api.views.trading import Pagination


class Position(BaseModel):
    """An open position on the exchange."""

    account_name: str
    connector_name: str
    trading_pair: str
    side: PositionSide
    amount: float = Field(description="In the base token; negative when short.")
    entry_price: float | None
    unrealized_pnl: float | None = Field(description="At the mark price.")
    leverage: float | None


class PositionPage(BaseModel):
    """A page of positions, by account, connector, pair and side."""

    data: list[Position]
    pagination: Pagination


class FundingPayment(BaseModel):
    """A funding payment as the exchange books it."""

    id: int
    funding_payment_id: str
    timestamp: str = Field(description="ISO 8601, the exchange's time.")
    account_name: str
    connector_name: str
    trading_pair: str
    funding_rate: float | None = Field(description="The rate that was settled.")
    funding_payment: float = Field(description="Negative when the account paid.")
    fee_currency: str
    position_size: float | None = Field(description="In the base token, where it follows from payment, rate and mark price.")
    position_side: PositionSide | None
    exchange_funding_id: str


class FundingPage(BaseModel):
    """A page of funding payments, newest first."""

    data: list[FundingPayment]
    pagination: Pagination


class PositionModeResponse(BaseModel):
    """The position mode of an account; UNKNOWN while its session does not run."""

    position_mode: Literal["HEDGE", "ONEWAY", "UNKNOWN"]
    connector: str
    account: str


class SettingResponse(BaseModel):
    """The exchange has the setting."""

    status: Literal["success"] = "success"
    message: str = Field(examples=["Leverage for BTC-USDT set to 10 on binance_perpetual"])


class SettingRehearsal(BaseModel):
    """With `dry_run=true`: the exchange would be asked for the setting."""

    dry_run: bool = True
    account: str
    connector: str
