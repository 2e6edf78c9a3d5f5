"""The read side of executors."""

from __future__ import annotations

from typing import Any, Protocol

from contracts.message import Metadata
from contracts.trading import (
    GetExecutor,
    GetExecutorConfigSchema,
    GetExecutorLogs,
    GetExecutorPerformance,
    ListExecutorTypes,
    SearchExecutors,
    SummariseExecutors,
)
from pydantic_core import to_json
from service_kit.changes import Keepable

from trading.handlers.holds import Holds
from trading.views.executor_logs import executor_log
from trading.views.executor_pages import get_executor, search_executors
from trading.views.executor_report import executor_performance, summarise_executors
from trading.views.paging import Rows

KEPT = 2.0
"""Seconds for which answers may be kept while nothing is committed: the figures of running executors are sampled as often."""


class TypeCatalogue(Protocol):
    """The engine's executor types, described."""

    def available(self) -> dict[str, Any]:
        """All types with what they are for."""
        ...

    async def schema(self, name: str) -> dict[str, Any]:
        """The fields of a type's configuration. Raises ExecutorTypeNotFound."""
        ...


class ExecutorQueries:
    """Answers with the final JSON of contract 8.13."""

    def __init__(self, rows: Rows, types: TypeCatalogue, holds: Holds) -> None:
        self._rows = rows
        self._types = types
        self.holds = holds

    async def search(self, query: SearchExecutors, _metadata: Metadata) -> Keepable:
        """A page of executors. Refused: CursorInvalid."""
        return Keepable(await search_executors(self._rows, query), KEPT)

    async def get(self, query: GetExecutor, _metadata: Metadata) -> Keepable:
        """One executor. Refused: ExecutorUnknown."""
        return Keepable(await get_executor(self._rows, query), KEPT)

    async def logs(self, query: GetExecutorLogs, _metadata: Metadata) -> bytes:
        """Lines of one executor's log."""
        return await executor_log(self._rows, query)

    async def summarise(self, _query: SummariseExecutors, _metadata: Metadata) -> Keepable:
        """Totals over active executors."""
        return Keepable(await summarise_executors(self._rows), KEPT)

    async def performance(self, query: GetExecutorPerformance, _metadata: Metadata) -> Keepable:
        """Totals over all executors."""
        held = await self.holds.totals(query.controller_id)
        return Keepable(await executor_performance(self._rows, query, held), KEPT)

    async def types(self, _query: ListExecutorTypes, _metadata: Metadata) -> bytes:
        """The eight types."""
        return to_json(self._types.available())

    async def schema(self, query: GetExecutorConfigSchema, _metadata: Metadata) -> bytes:
        """The fields of a type's configuration. Refused: ExecutorTypeNotFound."""
        return to_json(await self._types.schema(query.executor_type))
