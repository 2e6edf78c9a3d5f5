"""The read side of orders and fills."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.message import Query, Time
from contracts.trading.order import Side


class _Orders:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "order"


class ActiveOrders(_Orders, Query):
    """-> P1 page (contract 8.5) of orders not in a terminal state, by client order id ascending."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    trading_pairs: tuple[str, ...] | None = None


class SearchOrders(_Orders, Query):
    """-> P1 page of orders, newest first, keyset cursor, true total."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    trading_pairs: tuple[str, ...] | None = None
    status: str | None = None


class SearchTrades(_Orders, Query):
    """-> P1 page of fills, newest first, keyset cursor, true total."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    trading_pairs: tuple[str, ...] | None = None
    trade_types: tuple[Side, ...] | None = None
