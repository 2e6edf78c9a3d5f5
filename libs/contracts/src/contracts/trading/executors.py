"""The read side of executors and position holds: every query answers the final JSON of contract 8.13."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.message import Query
from contracts.trading.executor import ExecutorStatus, ExecutorType


class _Executors:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "executor"


class SearchExecutors(_Executors, Query):
    """-> P1 page of executors, newest created first, keyset cursor, true total."""

    limit: int = Field(default=50, ge=1, le=1000)
    cursor: str | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    trading_pairs: tuple[str, ...] | None = None
    executor_types: tuple[ExecutorType, ...] | None = None
    status: ExecutorStatus | None = None
    controller_ids: tuple[str, ...] | None = None


class GetExecutor(_Executors, Query):
    """-> one executor. Refused: ExecutorUnknown."""

    executor_id: str


class GetExecutorLogs(_Executors, Query):
    """-> `{"executor_id", "logs": [{"timestamp", "level", "message", "exc_info"?}], "total_count", "cursor"}`, newest last.

    An unknown executor has none. Without `after` the newest; `after` is the `cursor` of an earlier answer: the oldest that are
    newer than it. `level` is a level's name; `total_count` counts what is kept of that level.
    """

    executor_id: str
    level: str | None = None
    limit: int = Field(default=50, ge=1, le=1000)
    after: int | None = None


class SummariseExecutors(_Executors, Query):
    """-> totals over active executors."""


class GetExecutorPerformance(_Executors, Query):
    """-> totals over all executors, or those of one controller."""

    controller_id: str | None = None


class ListExecutorTypes(_Executors, Query):
    """-> the eight types with description and use."""


class GetExecutorConfigSchema(_Executors, Query):
    """-> the fields of a type's configuration. Refused: ExecutorTypeNotFound."""

    executor_type: str


class SummarisePositionHolds(_Executors, Query):
    """-> all positions held, or those of one controller, with totals."""

    controller_id: str | None = None


class GetPositionHold(_Executors, Query):
    """-> one position held. Refused: PositionHoldUnknown."""

    account: str
    connector: str
    trading_pair: str
    controller_id: str = "main"
