"""Requests that must be signed by an account, spot and futures alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.handlers.authentication import authenticate, without_signature
from sandbox_exchange.handlers.doors import Handler, query_text
from sandbox_exchange.handlers.parameters import Parameters
from sandbox_exchange.handlers.request_faults import skew_of
from sandbox_exchange.handlers.venue import Venue


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature was checked."""

    account: Account
    parameters: Parameters


type SignedHandler = Callable[[Signed], Awaitable[web.Response]]


def signed_by(venue: Venue, handler: SignedHandler) -> Handler:
    """A handler of requests that an account of the venue signed; others are refused as Binance does."""

    async def handle(request: web.Request) -> web.StreamResponse:
        query = query_text(request)
        # The engine sends a form body that claims to be JSON; the content type is not looked at.
        body = (await request.read()).decode(errors="replace")
        parameters = Parameters.parse(query, body)
        signed = without_signature(query) + without_signature(body)
        key = request.headers.get("X-MBX-APIKEY")
        account = authenticate(venue.exchange, key, parameters, signed, venue.now() + skew_of(request))
        return await handler(Signed(account, parameters))

    return handle
