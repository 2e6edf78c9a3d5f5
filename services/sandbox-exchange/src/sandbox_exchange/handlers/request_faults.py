"""Faults of requests: one middleware in front of every door but the operator's.

What happens before acceptance keeps the request from its handler. What happens after it takes the answer away: the handler
has returned by then, so what it did is in the journal. A refusal is always told, because nothing was accepted.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox_exchange.domain.faults.answers import told
from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.fault import AFTER, BEFORE, STREAMS, Endpoint, Firing, Kind, Occasion
from sandbox_exchange.domain.refusals import market_closed
from sandbox_exchange.handlers.doors import Handler, query_text, refusal
from sandbox_exchange.handlers.venue import Venue

SKEW = web.RequestKey("skew", int)
ENDPOINTS = {
    ("POST", "/api/v3/order"): Endpoint.ORDER_PLACE,
    ("DELETE", "/api/v3/order"): Endpoint.ORDER_CANCEL,
    ("DELETE", "/api/v3/openOrders"): Endpoint.ORDER_CANCEL,
    ("GET", "/api/v3/order"): Endpoint.ORDER_QUERY,
    ("GET", "/api/v3/allOrders"): Endpoint.ORDER_QUERY,
    ("GET", "/api/v3/openOrders"): Endpoint.OPEN_ORDERS,
    ("GET", "/api/v3/account"): Endpoint.ACCOUNT,
    ("GET", "/api/v3/myTrades"): Endpoint.TRADES,
    ("GET", "/api/v3/trades"): Endpoint.TRADES,
    ("GET", "/api/v3/exchangeInfo"): Endpoint.EXCHANGE_INFO,
    ("GET", "/api/v3/depth"): Endpoint.DEPTH,
    ("GET", "/api/v3/klines"): Endpoint.KLINES,
    ("GET", "/ws-api/v3"): Endpoint.USER_STREAM,
    ("GET", "/ws"): Endpoint.MARKET_STREAM,
    ("GET", "/stream"): Endpoint.MARKET_STREAM,
    ("POST", "/fapi/v1/order"): Endpoint.ORDER_PLACE,
    ("DELETE", "/fapi/v1/order"): Endpoint.ORDER_CANCEL,
    ("DELETE", "/fapi/v1/allOpenOrders"): Endpoint.ORDER_CANCEL,
    ("GET", "/fapi/v1/order"): Endpoint.ORDER_QUERY,
    ("GET", "/fapi/v1/allOrders"): Endpoint.ORDER_QUERY,
    ("GET", "/fapi/v1/openOrders"): Endpoint.OPEN_ORDERS,
    ("GET", "/fapi/v2/account"): Endpoint.ACCOUNT,
    ("GET", "/fapi/v3/account"): Endpoint.ACCOUNT,
    ("GET", "/fapi/v2/balance"): Endpoint.ACCOUNT,
    ("GET", "/fapi/v3/balance"): Endpoint.ACCOUNT,
    ("GET", "/fapi/v2/positionRisk"): Endpoint.ACCOUNT,
    ("GET", "/fapi/v3/positionRisk"): Endpoint.ACCOUNT,
    ("GET", "/fapi/v1/userTrades"): Endpoint.TRADES,
    ("GET", "/fapi/v1/trades"): Endpoint.TRADES,
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint.EXCHANGE_INFO,
    ("GET", "/fapi/v1/depth"): Endpoint.DEPTH,
    ("GET", "/fapi/v1/klines"): Endpoint.KLINES,
    ("POST", "/fapi/v1/listenKey"): Endpoint.USER_STREAM,
    ("PUT", "/fapi/v1/listenKey"): Endpoint.USER_STREAM,
    ("GET", "/private/ws"): Endpoint.USER_STREAM,
}
MARKET_STREAMS = ("/ws/", "/public/", "/market/")
OPERATORS = ("/admin", "/health")


def endpoint_of(method: str, path: str) -> Endpoint:
    """The endpoint a request is for."""
    if path.startswith(MARKET_STREAMS):
        return Endpoint.MARKET_STREAM
    return ENDPOINTS.get((method, path), Endpoint.OTHER)


def skew_of(request: web.Request) -> int:
    """How far the server's clock is off for a request, in ms."""
    skew: int = request.get(SKEW, 0)
    return skew


def request_faults(venue: Venue, faults: Faults) -> Middleware:
    """The middleware that lets requests fail."""

    @web.middleware
    async def meddle(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not faults or request.path.startswith(OPERATORS):
            return await handler(request)
        occasion = await _occasion(venue, request)
        await _sleep(faults.delay(Kind.LATENCY, occasion, venue.now()))
        instead = await _before(venue, faults, request, occasion)
        if instead is not None:
            return instead
        request[SKEW] = faults.delay(Kind.CLOCK_SKEW, occasion, venue.now())
        result = await handler(request)
        lost = None if occasion.endpoint in STREAMS else faults.first(AFTER, occasion, venue.now())
        if lost is None:
            return result
        if lost.wanted.kind is Kind.TIMEOUT_AFTER:
            return await _hang_up(request, lost)
        return _told(lost, occasion.endpoint, venue.now())

    return meddle


async def _occasion(venue: Venue, request: web.Request) -> Occasion:
    endpoint = endpoint_of(request.method, request.path)
    key = request.headers.get("X-MBX-APIKEY", "")
    account = venue.exchange.state.by_api_key.get(key)
    body = "" if endpoint in STREAMS else (await request.read()).decode(errors="replace")
    symbol = dict(parse_qsl(f"{query_text(request)}&{body}")).get("symbol", "")
    return Occasion(endpoint, "" if account is None else account.id, key, symbol)


async def _before(venue: Venue, faults: Faults, request: web.Request, occasion: Occasion) -> web.StreamResponse | None:
    """What the client gets instead of an answer, when the request does not reach its handler."""
    now = venue.now()
    firing = faults.first(BEFORE, occasion, now)
    if firing is None:
        if occasion.endpoint is Endpoint.ORDER_PLACE and faults.meets_halt(occasion, now):
            raise market_closed()
        return None
    if firing.wanted.kind is Kind.TIMEOUT_BEFORE:
        return await _hang_up(request, firing)
    return _told(firing, occasion.endpoint, now)


async def _hang_up(request: web.Request, firing: Firing) -> web.Response:
    """Hold the connection for the fault's time, then end it without an answer."""
    await _sleep(firing.milliseconds)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _told(firing: Firing, endpoint: Endpoint, now: int) -> web.Response:
    told_instead = refusal(told(firing, endpoint, now))
    if firing.wanted.kind is Kind.RATE_LIMIT:
        told_instead.headers["Retry-After"] = str(firing.wanted.retry_after)
    return told_instead


async def _sleep(milliseconds: int) -> None:
    if milliseconds > 0:
        await asyncio.sleep(milliseconds / 1000)
