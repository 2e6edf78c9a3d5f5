"""/connectors: what the engine's connectors can do."""

from __future__ import annotations

from typing import Annotated

from contracts.trading import GetConfigMap, GetOrderTypes, GetTradingRules, ListConnectors
from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Reading
from gateway_api.rest.documented import COMMON, UNKNOWN_CONNECTOR
from gateway_api.rest.fields import ConnectorName, Texts
from gateway_api.views.connectors import ConfigField, OrderTypes, TradingPairNotFound, TradingRule

RULES_TIMEOUT = 30.0
"""Seconds for trading rules: on first use they are loaded from the exchange."""

router = APIRouter(
    prefix="/connectors", tags=["Connectors"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)

Pairs = Annotated[Texts, Query(description="Only these trading pairs; repeat the parameter.", examples=[["BTC-USDT"]])]


@router.get("/", response_model=list[str], summary="List connectors")
async def available_connectors(bus: Bus, metadata: Reading) -> Response:
    """The names of all connectors of the engine."""
    return relayed(await bus.query(ListConnectors(), metadata))


@router.get(
    "/{connector_name}/config-map",
    response_model=dict[str, ConfigField],
    summary="Fields of a connector's credential",
    responses=UNKNOWN_CONNECTOR,
)
async def get_connector_config_map(connector_name: ConnectorName, bus: Bus, metadata: Reading) -> Response:
    """What `/accounts/add-credential` takes for this connector."""
    return relayed(await bus.query(GetConfigMap(connector=connector_name), metadata))


@router.get(
    "/{connector_name}/trading-rules",
    response_model=dict[str, TradingRule | TradingPairNotFound],
    summary="Trading rules",
    responses=UNKNOWN_CONNECTOR,
)
async def get_trading_rules(
    connector_name: ConnectorName, bus: Bus, metadata: Reading, trading_pairs: Pairs = None
) -> Response:
    """Sizes, increments and minimums by trading pair; no account is needed."""
    query = GetTradingRules(connector=connector_name, trading_pairs=trading_pairs)
    return relayed(await bus.query(query, metadata, timeout=RULES_TIMEOUT))


@router.get(
    "/{connector_name}/order-types",
    response_model=OrderTypes,
    summary="Supported order types",
    responses=UNKNOWN_CONNECTOR,
)
async def get_supported_order_types(connector_name: ConnectorName, bus: Bus, metadata: Reading) -> Response:
    """The order types that orders of this connector may have."""
    return relayed(await bus.query(GetOrderTypes(connector=connector_name), metadata))
