"""Executors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

import strawberry
from contracts.trading import CloseType, ExecutorStatus, ExecutorType, GetExecutor, SearchExecutors
from strawberry.scalars import JSON
from strawberry.types import Info

from gateway_api.graphql.context import Context, asked, rows
from gateway_api.graphql.pages import Connection

for _kind in (CloseType, ExecutorStatus, ExecutorType):
    strawberry.enum(_kind)


@strawberry.type(description="An executor. Figures of a running one are at most a few seconds old, in the quote token.")
class Executor:
    """An executor."""

    executor_id: str
    executor_type: ExecutorType
    account_name: str
    connector_name: str
    trading_pair: str
    controller_id: str
    side: str | None
    status: ExecutorStatus
    is_active: bool
    is_trading: bool
    created_at: datetime
    close_type: CloseType | None
    closed_at: datetime | None
    net_pnl_quote: Decimal
    net_pnl_pct: Decimal
    cum_fees_quote: Decimal
    filled_amount_quote: Decimal
    error_count: int
    last_error: str | None
    config: JSON
    custom_info: JSON


@strawberry.input(description="Which executors; what is left out filters nothing.")
class ExecutorFilter:
    """A filter."""

    account_names: list[str] | None = None
    connector_names: list[str] | None = None
    trading_pairs: list[str] | None = None
    executor_types: list[ExecutorType] | None = None
    status: ExecutorStatus | None = None
    controller_ids: list[str] | None = None


def _search(first: int, after: str | None, where: ExecutorFilter | None) -> SearchExecutors:
    return asked(SearchExecutors, limit=first, cursor=after, **({} if where is None else vars(where)))


@strawberry.type
class ExecutorQueries:
    """Fields of Query."""

    @strawberry.field(description="Executors, newest first.")
    async def executors(
        self, info: Info[Context, None], first: int = 50, after: str | None = None, where: ExecutorFilter | None = None
    ) -> Connection[Executor]:
        """REST: POST /executors/search."""
        return await info.context.page(_search(first, after, where), Executor)

    @strawberry.field(description="One executor.")
    async def executor(self, info: Info[Context, None], executor_id: str) -> Executor:
        """REST: GET /executors/{executor_id}."""
        return rows([await info.context.ask(GetExecutor(executor_id=executor_id))], Executor)[0]


@strawberry.type
class ExecutorSubscriptions:
    """Fields of Subscription."""

    @strawberry.subscription(description="The newest executors, again whenever they are others.")
    async def executors(
        self, info: Info[Context, None], first: int = 50, where: ExecutorFilter | None = None, interval: float = 1.0
    ) -> AsyncIterator[Connection[Executor]]:
        """The first page of the query of this name."""
        async for state in info.context.pages(_search(first, None, where), Executor, interval):
            yield state
