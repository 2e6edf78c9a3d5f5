"""Answers of /executors."""

from __future__ import annotations

from typing import Any

from contracts.trading import CloseType, ExecutorStatus, ExecutorType
from pydantic import BaseModel, ConfigDict, Field

from gateway_api.views.trading import Pagination


class CreateExecutorResponse(BaseModel):
    """The executor is stored and runs from now on, whatever happens to the process. Of two markets the first is told."""

    executor_id: str
    executor_type: ExecutorType
    connector_name: str
    trading_pair: str
    controller_id: str
    status: ExecutorStatus
    created_at: str = Field(description="ISO 8601, UTC.")


class ExecutorRehearsal(BaseModel):
    """An executor that would be taken. Its configuration is complete, but for what creating it would fill in."""

    dry_run: bool = True
    executor_type: ExecutorType
    account_name: str
    connector_name: str
    trading_pair: str
    controller_id: str
    executor_config: dict[str, Any]


class StopRehearsal(BaseModel):
    """With `dry_run=true`: the wish would be stored."""

    dry_run: bool = True
    executor_id: str
    status: ExecutorStatus
    keep_position: bool


class StopExecutorResponse(BaseModel):
    """The wish is stored; the executor shows as TERMINATED once nothing of it is open."""

    executor_id: str
    status: str = Field(examples=["stopping"])
    keep_position: bool


class Executor(BaseModel):
    """An executor. Figures of a running one are at most a few seconds old, in the quote token; `net_pnl_pct` is a share."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "executor_id": "e5f3b7a62c1d94e0b8a7f6d5c4b3a2918",
                "id": "e5f3b7a62c1d94e0b8a7f6d5c4b3a2918",
                "executor_type": "position_executor",
                "type": "position_executor",
                "account_name": "master_account",
                "connector_name": "binance",
                "trading_pair": "BTC-USDT",
                "controller_id": "main",
                "side": "BUY",
                "status": "RUNNING",
                "is_active": True,
                "is_trading": True,
                "timestamp": 1795000000.0,
                "created_at": "2026-11-18T11:06:40+00:00",
                "close_type": None,
                "close_timestamp": None,
                "closed_at": None,
                "net_pnl_quote": 12.5,
                "net_pnl_pct": 0.0125,
                "cum_fees_quote": 1.0,
                "filled_amount_quote": 1000.0,
                "error_count": 0,
                "last_error": None,
                "config": {"type": "position_executor", "amount": "0.01"},
                "custom_info": {},
            }
        }
    )

    executor_id: str
    id: str = Field(description="The same as `executor_id`.")
    executor_type: ExecutorType
    type: ExecutorType = Field(description="The same as `executor_type`.")
    account_name: str
    connector_name: str
    trading_pair: str
    controller_id: str
    side: str | None
    status: ExecutorStatus
    is_active: bool = Field(description="It has not ended, or something of it is still open.")
    is_trading: bool
    timestamp: float | None
    created_at: str
    close_type: CloseType | None
    close_timestamp: float | None
    closed_at: str | None
    net_pnl_quote: float
    net_pnl_pct: float
    cum_fees_quote: float
    filled_amount_quote: float
    funding_quote: float = Field(description="Its shares of funding payments; no part of `net_pnl_quote`.")
    error_count: int
    last_error: str | None
    config: dict[str, Any]
    custom_info: dict[str, Any]


class LogLine(BaseModel):
    """One line; `exc_info` is there when an exception was logged."""

    timestamp: str
    level: str
    message: str
    exc_info: str | None = None


class ExecutorLogs(BaseModel):
    """A page of a log. `total_count` counts what is kept of the level; `cursor` leads on."""

    executor_id: str
    logs: list[LogLine]
    total_count: int
    cursor: int


class ExecutorPage(BaseModel):
    """A page of executors, newest first."""

    data: list[Executor]
    pagination: Pagination


class ExecutorsSummary(BaseModel):
    """Executors that have not ended."""

    total_active: int
    total_pnl_quote: float
    total_volume_quote: float
    total_funding_quote: float
    by_type: dict[str, int]
    by_connector: dict[str, int]
    by_status: dict[str, int]


class TypeBreakdown(BaseModel):
    """The executors of one type; profit without what was kept as a position hold."""

    executor_type: ExecutorType
    total: int
    completed: int
    running: int
    pnl_quote: float
    volume_quote: float
    fees_quote: float


class PerformanceReport(BaseModel):
    """Profit is net of fees. What executors kept is realised as its position hold is."""

    controller_id: str | None
    total_executors: int
    by_status: dict[str, int]
    pnl_total_quote: float = Field(description="Realised.")
    unrealized_pnl_quote: float = Field(description="Of running executors and of the open remainder of holds.")
    global_pnl_quote: float = Field(description="Realised, unrealised and funding.")
    funding_total_quote: float = Field(description="Shares of executors and of holds in funding payments.")
    pnl_pct_avg: float
    fees_total_quote: float
    volume_total_quote: float
    win_rate: float = Field(ge=0, le=1)
    sharpe_ratio: float | None = Field(description="Mean over deviation of the ended executors' net profit.")
    by_type: list[TypeBreakdown]
    active_positions: int
    position_hold_fees_quote: float


class ExecutorTypeInfo(BaseModel):
    """What a type is for."""

    type: ExecutorType
    description: str
    use_case: str


class ExecutorTypes(BaseModel):
    """The engine's executors."""

    executor_types: list[ExecutorTypeInfo]


class ExecutorConfigSchema(BaseModel):
    """The fields of a configuration. A nested type is an object with `fields`, or an enumeration with `values`."""

    executor_type: ExecutorType
    config_class: str
    description: str
    fields: list[dict[str, Any]]
    nested_types: dict[str, dict[str, Any]]


class PositionHold(BaseModel):
    """What ended executors kept on one market. Matched volume is settled at average prices; breakevens are of the rest."""

    trading_pair: str
    connector_name: str
    account_name: str
    controller_id: str
    buy_amount_base: float
    buy_amount_quote: float
    sell_amount_base: float
    sell_amount_quote: float
    net_amount_base: float
    funding_quote: float = Field(description="Its shares of funding payments.")
    buy_breakeven_price: float | None
    sell_breakeven_price: float | None
    matched_amount_base: float
    unmatched_amount_base: float
    position_side: str = Field(examples=["LONG", "SHORT", "FLAT"])
    realized_pnl_quote: float
    cum_fees_quote: float
    unrealized_pnl_quote: float | None
    executor_count: int
    executor_ids: list[str]
    last_updated: str


class PositionsSummary(BaseModel):
    """All holds. The unrealised total is null while a price is missing."""

    total_positions: int
    total_realized_pnl: float
    total_unrealized_pnl: float | None
    positions: list[PositionHold]


class ClearedHold(BaseModel):
    """A hold that was cleared."""

    message: str
    connector_name: str
    trading_pair: str
