"""Orders and their executions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

import strawberry
from contracts.trading import ActiveOrders, OrderStatus, OrderType, SearchOrders, SearchTrades, Side
from strawberry.types import Info

from gateway_api.graphql.context import Context, asked
from gateway_api.graphql.pages import Connection

for _kind in (OrderStatus, OrderType, Side):
    strawberry.enum(_kind)


@strawberry.type(description="An order as it is known now. UNKNOWN: its outcome on the exchange is being resolved.")
class Order:
    """An order."""

    order_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    status: OrderStatus
    filled_amount: Decimal
    average_fill_price: Decimal | None
    fee_paid: Decimal | None
    fee_currency: str | None
    created_at: datetime
    updated_at: datetime
    exchange_order_id: str | None
    error_message: str | None


@strawberry.type(description="One execution of an order on the exchange.")
class Trade:
    """An execution."""

    trade_id: str
    order_id: str | None
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: Side
    amount: Decimal
    price: Decimal
    fee_paid: Decimal
    fee_currency: str | None
    timestamp: datetime


@strawberry.input(description="Which orders or executions; what is left out filters nothing.")
class OrderFilter:
    """A filter."""

    account_names: list[str] | None = None
    connector_names: list[str] | None = None
    trading_pairs: list[str] | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None


def _orders(first: int, after: str | None, where: OrderFilter | None, status: OrderStatus | None) -> SearchOrders:
    return asked(SearchOrders, limit=first, cursor=after, status=status, **_given(where))


def _trades(first: int, after: str | None, where: OrderFilter | None, sides: list[Side] | None) -> SearchTrades:
    return asked(SearchTrades, limit=first, cursor=after, trade_types=sides, **_given(where))


def _given(where: OrderFilter | None) -> dict[str, object]:
    return {} if where is None else vars(where)


@strawberry.type
class OrderQueries:
    """Fields of Query."""

    @strawberry.field(description="Orders, newest first.")
    async def orders(
        self,
        info: Info[Context, None],
        first: int = 100,
        after: str | None = None,
        where: OrderFilter | None = None,
        status: OrderStatus | None = None,
    ) -> Connection[Order]:
        """REST: POST /trading/orders/search."""
        return await info.context.page(_orders(first, after, where, status), Order)

    @strawberry.field(description="Orders that are not in a final state, by order id.")
    async def open_orders(
        self,
        info: Info[Context, None],
        first: int = 100,
        after: str | None = None,
        account_names: list[str] | None = None,
        connector_names: list[str] | None = None,
        trading_pairs: list[str] | None = None,
    ) -> Connection[Order]:
        """REST: POST /trading/orders/active."""
        names = {"account_names": account_names, "connector_names": connector_names, "trading_pairs": trading_pairs}
        return await info.context.page(asked(ActiveOrders, limit=first, cursor=after, **names), Order)

    @strawberry.field(description="Executions, newest first.")
    async def trades(
        self,
        info: Info[Context, None],
        first: int = 100,
        after: str | None = None,
        where: OrderFilter | None = None,
        trade_types: list[Side] | None = None,
    ) -> Connection[Trade]:
        """REST: POST /trading/trades."""
        return await info.context.page(_trades(first, after, where, trade_types), Trade)


@strawberry.type
class OrderSubscriptions:
    """Fields of Subscription."""

    @strawberry.subscription(description="The newest orders, again whenever they are others.")
    async def orders(
        self,
        info: Info[Context, None],
        first: int = 100,
        where: OrderFilter | None = None,
        status: OrderStatus | None = None,
        interval: float = 1.0,
    ) -> AsyncIterator[Connection[Order]]:
        """The first page of the query of this name."""
        async for state in info.context.pages(_orders(first, None, where, status), Order, interval):
            yield state

    @strawberry.subscription(description="The newest executions, again whenever they are others.")
    async def trades(
        self,
        info: Info[Context, None],
        first: int = 100,
        where: OrderFilter | None = None,
        trade_types: list[Side] | None = None,
        interval: float = 1.0,
    ) -> AsyncIterator[Connection[Trade]]:
        """The first page of the query of this name."""
        async for state in info.context.pages(_trades(first, None, where, trade_types), Trade, interval):
            yield state
