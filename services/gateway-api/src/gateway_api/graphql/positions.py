"""Positions, their differences from our executions, and funding."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry
from contracts.trading import GetPositions, PositionSide, SearchFundingPayments
from contracts.trading.reconciliation import DifferenceReason, DifferenceStatus, GetReconciliation
from strawberry.types import Info

from gateway_api.graphql.context import Context, asked, connection, rows
from gateway_api.graphql.pages import Connection, PageInfo

for _kind in (PositionSide, DifferenceReason, DifferenceStatus):
    strawberry.enum(_kind)


@strawberry.type(description="An open position on the exchange; `amount` is negative when short.")
class Position:
    """A position."""

    account_name: str
    connector_name: str
    trading_pair: str
    side: PositionSide
    amount: Decimal
    entry_price: Decimal | None
    unrealized_pnl: Decimal | None
    leverage: Decimal | None


@strawberry.type(description="A page of positions; `lastKnown` names the `account.connector` that did not answer in time.")
class PositionConnection:
    """A page."""

    nodes: list[Position]
    page_info: PageInfo
    total_count: int
    last_known: list[str]


@strawberry.type(description="A difference between our executions and the exchange's position, with its evidence.")
class PositionDifference:
    """A difference."""

    difference_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    side: PositionSide | None
    status: DifferenceStatus
    filled_amount: Decimal
    external_amount: Decimal
    held_before: Decimal
    exchange_amount: Decimal
    difference: Decimal
    unexplained: Decimal
    entry_price: Decimal | None
    reasons: list[DifferenceReason]
    executions: int
    last_trades: list[str]
    external_trades: list[str]
    trades_listed: bool
    exchange_time: datetime | None
    since: datetime
    read_at: datetime
    settled_at: datetime | None


@strawberry.type(description="An order of which it is not proven what the exchange did, with what is known of it.")
class UnknownOrder:
    """An order."""

    order_id: str
    account_name: str
    connector_name: str
    trading_pair: str
    trade_type: str
    order_type: str
    amount: Decimal
    price: Decimal | None
    filled_amount: Decimal
    exchange_order_id: str | None
    executor_id: str | None
    acknowledged: bool
    action: str
    reason: str | None
    since: datetime | None
    created_at: datetime
    updated_at: datetime


@strawberry.type(
    name="PositionDifferenceConnection",
    description="A page of differences, and the unknown orders, those nothing was heard of the longest first.",
)
class ReconciliationConnection:
    """A page."""

    nodes: list[PositionDifference]
    page_info: PageInfo
    total_count: int
    unknown_orders: list[UnknownOrder]
    unknown_orders_count: int


@strawberry.type(description="A funding payment; negative when the account paid.")
class FundingPayment:
    """A payment."""

    funding_payment_id: str
    timestamp: datetime
    account_name: str
    connector_name: str
    trading_pair: str
    funding_rate: Decimal | None
    funding_payment: Decimal
    fee_currency: str
    position_size: Decimal | None
    position_side: PositionSide | None
    exchange_funding_id: str


@strawberry.type
class PositionQueries:
    """Fields of Query."""

    @strawberry.field(description="What the exchanges hold, asked from them now.")
    async def positions(
        self,
        info: Info[Context, None],
        first: int = 100,
        after: str | None = None,
        account_names: list[str] | None = None,
        connector_names: list[str] | None = None,
    ) -> PositionConnection:
        """REST: POST /trading/positions."""
        names = {"account_names": account_names, "connector_names": connector_names}
        found = await info.context.ask(asked(GetPositions, limit=first, cursor=after, **names))
        page = connection(found["page"], Position)
        return PositionConnection(**vars(page), last_known=found["last_known"])

    @strawberry.field(description="Positions that the exchange had otherwise than our executions explain; unknown orders.")
    async def reconciliation(
        self,
        info: Info[Context, None],
        first: int = 100,
        after: str | None = None,
        account_names: list[str] | None = None,
        connector_names: list[str] | None = None,
        trading_pairs: list[str] | None = None,
        status: DifferenceStatus | None = None,
    ) -> ReconciliationConnection:
        """REST: GET /trading/reconciliation."""
        names = {"account_names": account_names, "connector_names": connector_names, "trading_pairs": trading_pairs}
        query = asked(GetReconciliation, limit=first, cursor=after, status=status, **names)
        found = await info.context.ask(query)
        page, unknown = connection(found, PositionDifference), rows(found["unknown_orders"], UnknownOrder)
        count = found["unknown_orders_count"]
        return ReconciliationConnection(**vars(page), unknown_orders=unknown, unknown_orders_count=count)

    @strawberry.field(description="Funding paid and received, newest first.")
    async def funding_payments(
        self,
        info: Info[Context, None],
        first: int = 100,
        after: str | None = None,
        account_names: list[str] | None = None,
        connector_names: list[str] | None = None,
        trading_pair: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
    ) -> Connection[FundingPayment]:
        """REST: POST /trading/funding-payments."""
        names = {"account_names": account_names, "connector_names": connector_names, "trading_pair": trading_pair}
        times = {"start_time": start_time, "end_time": end_time}
        return await info.context.page(
            asked(SearchFundingPayments, limit=first, cursor=after, **names, **times), FundingPayment
        )
