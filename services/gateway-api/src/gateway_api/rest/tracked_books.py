"""/market-data: following order books on purpose, looking at them, and beginning anew.

`account_name` is taken and not used: public data never comes from the connectors that trade for an account.
"""

from __future__ import annotations

from typing import Annotated

from contracts.tracked_books import AddTradingPair, DiagnoseOrderBooks, RemoveTradingPair, RestartOrderBooks
from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Reading
from gateway_api.rest.documented import COMMON, UNKNOWN_CONNECTOR
from gateway_api.rest.fields import ConnectorName, Text, json_number
from gateway_api.rest.order_books import NO_MARKET, TIMEOUT, Connector, Pair
from gateway_api.views.tracked_books import Diagnostics, Restarted, TradingPairChanged

RESTART_TIMEOUT = 100.0
"""Seconds: books are begun side by side, each for half a minute at most."""

NOT_USED = "Not used: public data does not come from accounts' connectors."
Account = Annotated[Text | None, Field(description=NOT_USED)]
AccountQuery = Annotated[Text | None, Query(description=NOT_USED)]
Seconds = Annotated[float, Field(ge=1, le=120), BeforeValidator(json_number)]

router = APIRouter(
    prefix="/market-data", tags=["Market Data"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)


class RemoveTradingPairRequest(BaseModel):
    """Which order book."""

    connector_name: Connector
    trading_pair: Pair
    account_name: Account = None


class AddTradingPairRequest(RemoveTradingPairRequest):
    """Which order book, and how many seconds to wait for it."""

    timeout: Seconds = 30.0


@router.post("/trading-pair/add", response_model=TradingPairChanged, summary="Follow an order book", responses=NO_MARKET)
async def add_trading_pair(body: AddTradingPairRequest, bus: Bus, metadata: Reading) -> Response:
    """Answers when the book is live; 503 says why it is not."""
    query = AddTradingPair(connector=body.connector_name, trading_pair=body.trading_pair, timeout=body.timeout)
    return relayed(await bus.query(query, metadata, timeout=max(TIMEOUT, body.timeout + 10)))


@router.post("/trading-pair/remove", response_model=TradingPairChanged, summary="Follow an order book no longer")
async def remove_trading_pair(body: RemoveTradingPairRequest, bus: Bus, metadata: Reading) -> Response:
    """`success` is false when it was not followed. Whoever asks for the book again starts it again."""
    query = RemoveTradingPair(connector=body.connector_name, trading_pair=body.trading_pair)
    return relayed(await bus.query(query, metadata))


@router.get(
    "/order-book/diagnostics/{connector_name}",
    response_model=Diagnostics,
    summary="How a connector's order books are",
    responses=UNKNOWN_CONNECTOR,
)
async def get_order_book_diagnostics(
    connector_name: ConnectorName, bus: Bus, metadata: Reading, account_name: AccountQuery = None
) -> Response:
    """The tasks, books and counts of the engine's tracker."""
    return relayed(await bus.query(DiagnoseOrderBooks(connector=connector_name), metadata, timeout=TIMEOUT))


@router.post(
    "/order-book/restart/{connector_name}",
    response_model=Restarted,
    response_model_exclude_none=True,
    summary="Begin a connector's order books anew",
    responses=UNKNOWN_CONNECTOR,
)
async def restart_order_book_tracker(
    connector_name: ConnectorName, bus: Bus, metadata: Reading, account_name: AccountQuery = None
) -> Response:
    """A book that does not come back is named under `error` and keeps no other away."""
    return relayed(await bus.query(RestartOrderBooks(connector=connector_name), metadata, timeout=RESTART_TIMEOUT))
