"""Answers of /portfolio."""

from __future__ import annotations

from pydantic import BaseModel, Field


class TokenBalance(BaseModel):
    """One token on one connector; price and value in US dollars."""

    token: str = Field(examples=["BTC"])
    units: float = Field(examples=[0.5])
    price: float = Field(examples=[60000.0])
    value: float = Field(examples=[30000.0])
    available_units: float = Field(examples=[0.4])


type State = dict[str, dict[str, list[TokenBalance]]]
"""By account, then by connector."""


class Snapshot(BaseModel):
    """The portfolio at one minute."""

    timestamp: str = Field(examples=["2026-11-23T10:05:00+00:00"])
    state: State


class HistoryFilters(BaseModel):
    """The filters of the request, as they were applied."""

    account_names: list[str] | None = None
    connector_names: list[str] | None = None
    start_time: int | None = None
    end_time: int | None = None
    interval: str = Field(examples=["5m"])


class HistoryPagination(BaseModel):
    """Where this page of the history ends."""

    limit: int
    has_more: bool
    next_cursor: str | None
    current_cursor: str | None
    filters: HistoryFilters


class History(BaseModel):
    """A page of snapshots, newest first."""

    data: list[Snapshot]
    pagination: HistoryPagination


class ConnectorShare(BaseModel):
    """A token on one connector."""

    value: float
    units: float


class AccountShare(BaseModel):
    """A token in one account."""

    value: float
    units: float
    percentage: float
    connectors: dict[str, ConnectorShare]


class TokenShare(BaseModel):
    """One token's part of the portfolio."""

    token: str
    total_value: float
    total_units: float
    percentage: float
    accounts: dict[str, AccountShare]


class Distribution(BaseModel):
    """The portfolio by token, largest value first."""

    total_portfolio_value: float
    token_count: int
    distribution: list[TokenShare]
    account_filter: str = Field(examples=["all_accounts"])


class ConnectorPart(BaseModel):
    """One connector's part of an account."""

    value: float
    percentage: float


class AccountPart(BaseModel):
    """One account's part of the portfolio."""

    account: str
    total_value: float
    percentage: float
    connectors: dict[str, ConnectorPart]


class AccountsDistribution(BaseModel):
    """The portfolio by account, largest value first."""

    total_portfolio_value: float
    account_count: int
    distribution: list[AccountPart]
