"""/market-data/tickers and /market-data/rates: prices of whole exchanges, and the rates computed from them."""

from __future__ import annotations

from typing import Annotated

from contracts.rates import GetTickers, ResolveRates
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Reading
from gateway_api.rest.documented import COMMON, refused
from gateway_api.rest.fields import Text
from gateway_api.rest.rate_settings import rate_settings
from gateway_api.views.rates import Rates, Tickers

TIMEOUT = 60.0
"""Seconds: the first request of all loads the engine."""

NO_SOURCE = refused(400, "There is no such source of rates; the detail lists those there are.")

Pairs = Annotated[
    tuple[Annotated[Text, Field(min_length=1)], ...], Field(min_length=1, max_length=1000, examples=[["BTC-USDT", "ETH-BTC"]])
]
Connectors = Annotated[
    Text | None, Query(description="Names separated by commas; without it those of the pool.", examples=["binance"])
]
Age = Annotated[float | None, Query(ge=0, le=86400, description="Seconds tickers may be old.")]
Refresh = Annotated[bool, Query(description="Ask the exchange anew.")]

router = APIRouter(
    prefix="/market-data", tags=["Market Data"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)


class RatesRequest(BaseModel):
    """Which rates, and from whose tickers."""

    trading_pairs: Pairs
    connector: Annotated[Text | None, Field(description="Only this connector's tickers.", examples=["binance"])] = None


@router.get("/tickers", response_model=Tickers, summary="Tickers of whole exchanges")
async def get_tickers(
    bus: Bus, metadata: Reading, connectors: Connectors = None, refresh: Refresh = False, max_age: Age = None
) -> Response:
    """Prices and 24-hour volumes by connector and pair, ten seconds old at most unless `max_age` allows more."""
    names = tuple(name.strip() for name in (connectors or "").split(",") if name.strip())
    query = GetTickers(connectors=names, refresh=refresh, max_age=max_age)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


@router.post("/rates", response_model=Rates, summary="Rates out of the tickers", responses=NO_SOURCE)
async def get_rates(body: RatesRequest, bus: Bus, metadata: Reading) -> Response:
    """Direct, inverse, or over one token in between; a token alone is told in the configured quote token."""
    settings = await rate_settings(bus, metadata)
    query = ResolveRates(trading_pairs=body.trading_pairs, connector=body.connector, quote_token=settings.quote_token)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))
