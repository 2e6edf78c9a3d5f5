"""/market-data: order books and what they say, prices and funding."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from contracts.market_data import GetFundingInfo, GetOrderBook, GetPrices, MeasureOrderBook
from contracts.message import Metadata
from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from gateway_api.rest.answers import relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Reading
from gateway_api.rest.documented import COMMON, refused
from gateway_api.rest.fields import Flag, Positive, Text, json_integer
from gateway_api.rest.services import Services
from gateway_api.views.order_books import FundingInfo, OrderBook, OrderBookResult, Prices

TIMEOUT = 60.0
"""Seconds: the first request of all loads the engine, and the first for a book starts its feed."""

NO_MARKET = refused(404, "No such connector, or its exchange does not list the trading pair.")

Connector = Annotated[Text, Field(min_length=1, examples=["binance"])]
Pair = Annotated[Text, Field(min_length=1, examples=["BTC-USDT"])]
Depth = Annotated[int, Field(ge=1, le=1000), BeforeValidator(json_integer)]
Volume = Annotated[Positive, Field(examples=[0.5], description="In base tokens.")]

router = APIRouter(
    prefix="/market-data", tags=["Market Data"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)


class _Market(BaseModel):
    connector_name: Connector
    trading_pair: Pair


class OrderBookRequest(_Market):
    """Which book, and how many levels of each side."""

    depth: Depth = 10


class VolumeRequest(_Market):
    """A volume to buy or sell."""

    is_buy: Flag
    volume: Volume


class PriceRequest(_Market):
    """The worst price to buy or sell at."""

    is_buy: Flag
    price: Annotated[Positive, Field(examples=[100000])]


class QuoteVolumeRequest(_Market):
    """A volume to buy or sell for, in quote tokens."""

    is_buy: Flag
    quote_volume: Annotated[Positive, Field(examples=[1000])]


class PricesRequest(BaseModel):
    """Which prices."""

    connector_name: Connector
    trading_pairs: Annotated[tuple[Pair, ...], Field(min_length=1, max_length=200, examples=[["BTC-USDT"]])]


class FundingInfoRequest(BaseModel):
    """Which perpetual contract."""

    connector_name: Annotated[Text, Field(min_length=1, examples=["binance_perpetual"])]
    trading_pair: Pair


@router.post("/prices", response_model=Prices, summary="Last traded prices", responses=NO_MARKET)
async def get_prices(body: PricesRequest, bus: Bus, metadata: Reading) -> Response:
    """A second old at most."""
    query = GetPrices(connector=body.connector_name, trading_pairs=body.trading_pairs)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


@router.post(
    "/funding-info",
    response_model=FundingInfo,
    summary="Funding of a perpetual",
    responses={**NO_MARKET, **refused(400, "The connector has no perpetual contracts.")},
)
async def get_funding_info(body: FundingInfoRequest, bus: Bus, metadata: Reading) -> Response:
    """The rate, when it is paid next, and the mark and index price; a second old at most."""
    query = GetFundingInfo(connector=body.connector_name, trading_pair=body.trading_pair)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


@router.post("/order-book", response_model=OrderBook, summary="The best levels of an order book", responses=NO_MARKET)
async def get_order_book(body: OrderBookRequest, bus: Bus, metadata: Reading) -> Response:
    """From the live book, which the first request starts. A book that is out of date or crossed is not served: 503 says why."""
    query = GetOrderBook(connector=body.connector_name, trading_pair=body.trading_pair, depth=body.depth)
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))


@router.post(
    "/order-book/price-for-volume", response_model=OrderBookResult, summary="The price a volume costs", responses=NO_MARKET
)
async def get_price_for_volume(body: VolumeRequest, bus: Bus, metadata: Reading) -> Response:
    """The worst price a taker of the volume would pay or get; null when the book is not deep enough."""
    return await _measured(bus, metadata, body, body.is_buy, "price-for-volume", body.volume)


@router.post(
    "/order-book/volume-for-price", response_model=OrderBookResult, summary="The volume at a price", responses=NO_MARKET
)
async def get_volume_for_price(body: PriceRequest, bus: Bus, metadata: Reading) -> Response:
    """All that is offered at the price or better, in base tokens."""
    return await _measured(bus, metadata, body, body.is_buy, "volume-for-price", body.price)


@router.post(
    "/order-book/price-for-quote-volume",
    response_model=OrderBookResult,
    summary="The price a volume in quote tokens costs",
    responses=NO_MARKET,
)
async def get_price_for_quote_volume(body: QuoteVolumeRequest, bus: Bus, metadata: Reading) -> Response:
    """The worst price a taker for so many quote tokens would pay or get; null when the book is not deep enough."""
    return await _measured(bus, metadata, body, body.is_buy, "price-for-quote-volume", body.quote_volume)


@router.post(
    "/order-book/quote-volume-for-price",
    response_model=OrderBookResult,
    summary="The volume at a price, in quote tokens",
    responses=NO_MARKET,
)
async def get_quote_volume_for_price(body: PriceRequest, bus: Bus, metadata: Reading) -> Response:
    """All that is offered at the price or better, in quote tokens."""
    return await _measured(bus, metadata, body, body.is_buy, "quote-volume-for-price", body.price)


@router.post(
    "/order-book/vwap-for-volume", response_model=OrderBookResult, summary="The average price of a volume", responses=NO_MARKET
)
async def get_vwap_for_volume(body: VolumeRequest, bus: Bus, metadata: Reading) -> Response:
    """The volume-weighted average price a taker would pay or get; null when the book is not deep enough."""
    return await _measured(bus, metadata, body, body.is_buy, "vwap-for-volume", body.volume)


type Measure = Literal[
    "price-for-volume", "volume-for-price", "price-for-quote-volume", "quote-volume-for-price", "vwap-for-volume"
]


async def _measured(
    bus: Services, metadata: Metadata, market: _Market, is_buy: bool, measure: Measure, value: Decimal
) -> Response:
    query = MeasureOrderBook(
        connector=market.connector_name, trading_pair=market.trading_pair, is_buy=is_buy, measure=measure, value=value
    )
    return relayed(await bus.query(query, metadata, timeout=TIMEOUT))
