"""/trading: orders and executions."""

from __future__ import annotations

import json
from typing import Annotated

from contracts.trading import (
    ActiveOrders,
    CancelOrder,
    CancelOrders,
    OrderIdReused,
    OrderType,
    PlaceOrder,
    PositionAction,
    RehearseCancel,
    RehearseOrder,
    SearchOrders,
    SearchTrades,
    Side,
)
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway_api.domain.repeats import KeyReused
from gateway_api.rest import rehearsal
from gateway_api.rest.answers import JSON, refusal, relayed, told
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Commanding, Reading
from gateway_api.rest.documented import COMMON, CURSOR_INVALID, commanded, rate_exceeded, refused
from gateway_api.rest.fields import (
    AccountName,
    AccountNames,
    ConnectorName,
    ConnectorNames,
    Cursor,
    From,
    Limit,
    NonNegative,
    Positive,
    Text,
    TradingPairs,
    Until,
)
from gateway_api.rest.rehearsal import DryRun
from gateway_api.views.accounts import Message
from gateway_api.views.trading import CancelledOrders, CancelRehearsal, OrderPage, OrderRehearsal, TradePage, TradeResponse

Sides = Annotated[tuple[Side, ...], Field(max_length=1000)] | None

router = APIRouter(prefix="/trading", tags=["Trading"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON)

ClientOrderId = Annotated[Text, Path(description="The `order_id` that placing the order answered.")]
Pair = Annotated[Text | None, Query(description="Only orders of this trading pair.", examples=["BTC-USDT"])]
NO_SESSION = refused(404, "No account of this name, or it has no credential for the connector.")


class TradeRequest(BaseModel):
    """An order to place. Numbers may be JSON numbers or decimal text; every digit counts."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "account_name": "master_account",
                "connector_name": "binance",
                "trading_pair": "BTC-USDT",
                "trade_type": "BUY",
                "amount": "0.01",
                "order_type": "LIMIT",
                "price": "60000",
            }
        }
    )

    account_name: Text
    connector_name: Text
    trading_pair: Text
    trade_type: Side
    amount: Annotated[Positive, Field(description="In the base token.")]
    order_type: OrderType = OrderType.LIMIT
    price: NonNegative | None = Field(default=None, description="Needed for LIMIT and LIMIT_MAKER.")
    position_action: PositionAction = Field(default=PositionAction.OPEN, description="Of derivatives only.")


class ActiveOrderFilterRequest(BaseModel):
    """Which open orders; without filters all."""

    limit: Limit = 100
    cursor: Cursor = None
    account_names: AccountNames = None
    connector_names: ConnectorNames = None
    trading_pairs: TradingPairs = None


class OrderFilterRequest(ActiveOrderFilterRequest):
    """Which orders; without filters all, newest first."""

    start_time: From = None
    end_time: Until = None
    status: Text | None = Field(default=None, description="Only orders in this state.", examples=["FILLED"])


class TradeFilterRequest(ActiveOrderFilterRequest):
    """Which executions; without filters all, newest first."""

    start_time: From = None
    end_time: Until = None
    trade_types: Sides = Field(default=None, description="Only buys or only sells.", examples=[["BUY"]])


@router.post(
    "/orders",
    status_code=201,
    response_model=TradeResponse,
    summary="Place an order",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={
        **commanded(),
        200: {"model": OrderRehearsal, "description": "With `dry_run=true`: the order would be taken."},
        **refused(400, "Pair or type not supported, price missing, or a limit of the exchange violated."),
        **refused(403, "A limit of the account's risk guard (`RiskLimitExceeded`), or a web page that CORS does not allow."),
        **NO_SESSION,
        **rate_exceeded(
            "Too many requests, or more orders than the exchange takes from this account at a time (`OrderRateExceeded`): "
            "nothing was placed, the same request may be sent again."
        ),
    },
)
async def place_trade(order: TradeRequest, bus: Bus, metadata: Commanding, dry_run: DryRun) -> Response:
    """Stores the order's intent and answers; what the exchange makes of it shows in `/trading/orders/search`."""
    account, connector = order.account_name, order.connector_name

    def command() -> PlaceOrder:
        return PlaceOrder(
            account=account,
            connector=connector,
            trading_pair=order.trading_pair,
            side=order.trade_type,
            order_type=order.order_type,
            amount=order.amount,
            price=order.price,
            position_action=order.position_action,
        )

    if dry_run:
        return relayed(await bus.session_command(account, connector, lambda: RehearseOrder(order=command()), metadata))
    answer = await bus.session_command(account, connector, command, metadata)
    if answer.status == 409 and json.loads(answer.body).get("code") == OrderIdReused.__name__:
        # The gateway's own record of the key is gone after a day; the order is not.
        raise KeyReused
    return relayed(answer, 201)


@router.post(
    "/{account_name}/{connector_name}/orders/{client_order_id}/cancel",
    response_model=Message | CancelRehearsal,
    summary="Cancel an order",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **refused(404, "No account of this name, or no open order of this id.")},
)
async def cancel_order(
    account_name: AccountName,
    connector_name: ConnectorName,
    client_order_id: ClientOrderId,
    bus: Bus,
    metadata: Commanding,
    dry_run: DryRun,
) -> Response:
    """Asks the exchange to take the order off the book; the order then shows as CANCELLED, or as filled if that was first."""

    def command() -> CancelOrder:
        return CancelOrder(account=account_name, connector=connector_name, order_id=client_order_id)

    def rehearsing() -> RehearseCancel:
        return RehearseCancel(account=account_name, connector=connector_name, order_id=client_order_id)

    if dry_run:
        return relayed(await bus.session_command(account_name, connector_name, rehearsing, metadata))
    answer = await bus.session_command(account_name, connector_name, command, metadata)
    return told(answer, f"Order cancellation initiated for {client_order_id}")


@router.post(
    "/{account_name}/{connector_name}/orders/cancel-all",
    response_model=CancelledOrders | CancelRehearsal,
    summary="Cancel all orders of a connector",
    openapi_extra=rehearsal.DOCUMENTED,
    responses={**commanded(), **NO_SESSION},
)
async def cancel_orders(
    account_name: AccountName,
    connector_name: ConnectorName,
    bus: Bus,
    metadata: Commanding,
    dry_run: DryRun,
    trading_pair: Pair = None,
) -> Response:
    """Asks the exchange to take all open orders off the book, or those of one trading pair."""

    def command() -> CancelOrders:
        return CancelOrders(account=account_name, connector=connector_name, trading_pair=trading_pair)

    def rehearsing() -> RehearseCancel:
        return RehearseCancel(account=account_name, connector=connector_name, trading_pair=trading_pair)

    if dry_run:
        return relayed(await bus.session_command(account_name, connector_name, rehearsing, metadata))
    answer = await bus.session_command(account_name, connector_name, command, metadata)
    if answer.status >= 400:
        return refusal(answer)
    order_ids = json.loads(answer.body)["order_ids"]
    message = f"Cancellation initiated for {len(order_ids)} orders"
    return Response(json.dumps({"message": message, "order_ids": order_ids}), media_type=JSON)


@router.post("/orders/active", response_model=OrderPage, summary="Open orders", responses=CURSOR_INVALID)
async def get_active_orders(filters: ActiveOrderFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of the orders that are not in a final state, by order id."""
    return relayed(await bus.query(ActiveOrders.model_validate(filters.model_dump()), metadata))


@router.post("/orders/search", response_model=OrderPage, summary="Orders", responses=CURSOR_INVALID)
async def get_orders(filters: OrderFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of all orders, newest first; `pagination.next_cursor` leads to the next one."""
    return relayed(await bus.query(SearchOrders.model_validate(filters.model_dump()), metadata))


@router.post("/trades", response_model=TradePage, summary="Executions", responses=CURSOR_INVALID)
async def get_trades(filters: TradeFilterRequest, bus: Bus, metadata: Reading) -> Response:
    """A page of all executions, newest first; `pagination.next_cursor` leads to the next one."""
    return relayed(await bus.query(SearchTrades.model_validate(filters.model_dump()), metadata))
