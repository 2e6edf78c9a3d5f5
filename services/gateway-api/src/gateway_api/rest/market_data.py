"""/market-data: candles of every connector, live and from the store."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from itertools import islice
from typing import Annotated

from contracts.market_data import (
    MOST_CANDLES,
    SECONDS,
    CandlesNotReady,
    CompleteCandles,
    GetCandles,
    GetFeedSettings,
    ListCandleConnectors,
    ListFeeds,
    ListStoredCandles,
    ReadCandles,
)
from contracts.message import Metadata
from contracts.rejections import Unavailable
from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response, StreamingResponse

from gateway_api.domain import problem
from gateway_api.rest.answers import JSON, refusal, relayed
from gateway_api.rest.call import BASIC, AuthenticatedRoute, Bus, Reading
from gateway_api.rest.documented import COMMON, refused
from gateway_api.rest.fields import Text, json_integer
from gateway_api.rest.services import Answer, Services
from gateway_api.views.market_data import ActiveFeed, Candle, FeedSettings, StoredCandles

START_TIMEOUT, HISTORY_TIMEOUT = 60.0, 115.0
"""Seconds; the service gives up earlier and says why. NATS lets nobody answer after two minutes."""

PAGE = 5_000
"""Candles in one message of the bus: about a megabyte."""

AHEAD = 3
"""Pages asked for before they can go out."""

ATTEMPTS, PAUSE = 3, 0.5
"""How often one page is asked for, with so many seconds between."""

NOT_READY = refused(504, "The exchange did not give all candles in time; what it gave is kept, so ask again.")
NOT_SERVED = refused(400, "No candles of this connector, trading pair, interval or range.")
NONE_THERE = refused(404, "The exchange has no candles there.")

Name = Annotated[Text, Field(min_length=1, examples=["binance"])]
Pair = Annotated[Text, Field(min_length=1, examples=["BTC-USDT"])]
Interval = Annotated[Text, Field(examples=["1m"], description="1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M")]
Second = Annotated[int, Field(ge=0, lt=10**11, description="Unix seconds."), BeforeValidator(json_integer)]
Records = Annotated[int, Field(ge=1, le=MOST_CANDLES), BeforeValidator(json_integer)]

router = APIRouter(
    prefix="/market-data", tags=["Market Data"], route_class=AuthenticatedRoute, dependencies=[BASIC], responses=COMMON
)


class CandlesRequest(BaseModel):
    """Which candles."""

    connector_name: Name
    trading_pair: Pair
    interval: Interval = "1m"
    max_records: Records = 500


class HistoricalCandlesRequest(BaseModel):
    """Which candles."""

    connector_name: Name
    trading_pair: Pair
    interval: Interval = "1m"
    start_time: Annotated[Second, Field(examples=[1780000000])]
    end_time: Annotated[Second, Field(examples=[1780003600])]


@router.post(
    "/candles", response_model=list[Candle], summary="Newest candles", responses={**NOT_SERVED, **NONE_THERE, **NOT_READY}
)
async def get_candles(body: CandlesRequest, bus: Bus, metadata: Reading) -> Response:
    """The newest candles, the unfinished one included, oldest first. The first request starts a live feed."""
    query = GetCandles(
        connector=body.connector_name, trading_pair=body.trading_pair, interval=body.interval, max_records=body.max_records
    )
    answer = await bus.query(query, metadata, timeout=HISTORY_TIMEOUT)
    return _none() if answer.body == b"[]" else _candles(answer)


@router.post(
    "/historical-candles",
    response_model=list[Candle],
    summary="Candles of a time range",
    responses={**NOT_SERVED, **NONE_THERE, **NOT_READY},
)
async def get_historical_candles(body: HistoricalCandlesRequest, bus: Bus, metadata: Reading) -> Response:
    """Candles that open from `start_time` to `end_time`, oldest first. Each is asked of the exchange once."""
    query = CompleteCandles(
        connector=body.connector_name,
        trading_pair=body.trading_pair,
        interval=body.interval,
        start=body.start_time,
        end=body.end_time,
    )
    answer = await bus.query(query, metadata, timeout=HISTORY_TIMEOUT)
    if answer.status >= 400:
        return _candles(answer)
    pages = _pages(bus, query, json.loads(answer.body)["until"], metadata)
    async for first in pages:
        if first.status >= 400:
            await pages.aclose()
            return _candles(first)
        if first.body != b"[]":
            return StreamingResponse(_joined(first, pages), media_type=JSON)
    return _none()


@router.get("/active-feeds", response_model=dict[str, ActiveFeed], summary="Running feeds")
async def get_active_feeds(bus: Bus, metadata: Reading) -> Response:
    """The running feeds by name, their health, and when they close unless somebody asks again."""
    return relayed(await bus.query(ListFeeds(), metadata))


@router.get("/settings", response_model=FeedSettings, summary="How long feeds live")
async def get_market_data_settings(bus: Bus, metadata: Reading) -> Response:
    """In seconds."""
    return relayed(await bus.query(GetFeedSettings(), metadata))


@router.get("/available-candle-connectors", response_model=list[str], summary="Connectors with candles")
async def get_available_candle_connectors(bus: Bus, metadata: Reading) -> Response:
    """The names that `/market-data/candles` takes."""
    return relayed(await bus.query(ListCandleConnectors(), metadata, timeout=START_TIMEOUT))


@router.get("/candle-store", response_model=list[StoredCandles], summary="What the candle store holds")
async def get_candle_store(bus: Bus, metadata: Reading) -> Response:
    """By connector, trading pair and interval; with the gaps in the exchanges' own data, which are never filled by guessing."""
    return relayed(await bus.query(ListStoredCandles(), metadata, timeout=START_TIMEOUT))


async def _pages(bus: Services, query: CompleteCandles, until: int, metadata: Metadata) -> AsyncGenerator[Answer]:
    """The store's candles in pages, then those it cannot have yet; ends with a refusal.

    While one page goes out the next ones are asked for, AHEAD at most: that bounds the memory, whatever the range.
    """
    wanted = _wanted(query, until)
    asked: deque[asyncio.Task[Answer]] = deque()
    try:
        while True:
            asked.extend(asyncio.create_task(_page(bus, page, metadata)) for page in islice(wanted, AHEAD - len(asked)))
            if not asked:
                return
            answer = await asked[0]
            asked.popleft()
            yield answer
            if answer.status >= 400:
                return
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


def _wanted(query: CompleteCandles, until: int) -> Iterator[ReadCandles]:
    of = query.model_dump(exclude={"start", "end"})
    step = PAGE * SECONDS[query.interval]
    for start in range(query.start, until, step):
        yield ReadCandles(**of, start=start, end=min(start + step, until))
    if until <= min(query.end, int(time.time())):
        yield ReadCandles(**of, start=max(until, query.start), end=query.end + 1, unfinished=True)


async def _page(bus: Services, query: ReadCandles, metadata: Metadata) -> Answer:
    """One page; asked for again when the service does not answer, because half of the whole may have gone out."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await bus.query(query, metadata, timeout=START_TIMEOUT)
        except Unavailable:
            await asyncio.sleep(PAUSE)
    return await bus.query(query, metadata, timeout=START_TIMEOUT)


async def _joined(first: Answer, others: AsyncIterator[Answer]) -> AsyncIterator[bytes]:
    """The arrays as one, without parsing them. A refusal after the first bytes went out breaks the answer off."""
    yield first.body[:-1]
    async for page in others:
        if page.status >= 400:
            raise Unavailable("The candle store stopped answering")
        if page.body != b"[]":
            yield b"," + page.body[1:-1]
    yield b"]"


def _candles(answer: Answer) -> Response:
    """The service's answer; 504, as the contract has it, for candles that did not come in time."""
    if answer.status == 503 and json.loads(answer.body).get("code") == CandlesNotReady.__name__:
        return refusal(answer, 504)
    return relayed(answer)


def _none() -> Response:
    body = problem.problem(404, "The exchange has no candles there", "CandlesAbsent")
    return Response(body, 404, media_type=problem.MEDIA_TYPE)
