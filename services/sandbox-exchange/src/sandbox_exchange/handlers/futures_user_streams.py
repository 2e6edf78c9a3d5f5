"""Futures user streams: a listen key by REST, and the events of its account at `/private/ws?listenKey=...`."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from aiohttp import web

from sandbox_exchange.domain.refusals import Refused, no_listen_key
from sandbox_exchange.domain.spot.accounts import Account
from sandbox_exchange.domain.wire import futures_reports
from sandbox_exchange.handlers.channels import futures_user_channel
from sandbox_exchange.handlers.doors import answer
from sandbox_exchange.handlers.futures_venue import FuturesVenue
from sandbox_exchange.handlers.streams import Connection, Hub

LIFETIME_SECONDS = 3600.0
KEY_BYTES = 32


@dataclass(slots=True)
class ListenKey:
    """A listen key in force; the timer ends it."""

    text: str
    timer: asyncio.TimerHandle


class FuturesUserStreams:
    """An account has one listen key at a time, for an hour from its last renewal. Keys do not outlive the process."""

    def __init__(self, venue: FuturesVenue, hub: Hub) -> None:
        self._venue = venue
        self._hub = hub
        self._keys: dict[str, ListenKey] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/fapi/v1/listenKey", self.start),
            web.put("/fapi/v1/listenKey", self.keep),
            web.delete("/fapi/v1/listenKey", self.end),
            web.get("/private/ws", self.serve),
        ]

    async def start(self, request: web.Request) -> web.Response:
        account = self._account(request)
        await self._venue.settled()
        held = self._keys.get(account.id)
        return answer({"listenKey": self._renew(account.id, secrets.token_hex(KEY_BYTES) if held is None else held.text)})

    async def keep(self, request: web.Request) -> web.Response:
        account = self._account(request)
        held = self._keys.get(account.id)
        if held is None:
            raise no_listen_key()
        return answer({"listenKey": self._renew(account.id, held.text)})

    async def end(self, request: web.Request) -> web.Response:
        account = self._account(request)
        held = self._keys.pop(account.id, None)
        if held is None:
            raise no_listen_key()
        held.timer.cancel()
        self._hub.silence(futures_user_channel(account.id))
        return answer({})

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        wanted = request.query.get("listenKey", "")
        account = next((number for number, held in self._keys.items() if held.text == wanted), None)
        if account is None:
            raise no_listen_key()
        return await self._hub.serve(request, _ignore, {futures_user_channel(account): lambda _, payload: payload})

    def _renew(self, account: str, text: str) -> str:
        held = self._keys.get(account)
        if held is not None:
            held.timer.cancel()
        timer = asyncio.get_running_loop().call_later(LIFETIME_SECONDS, self._expire, account)
        self._keys[account] = ListenKey(text, timer)
        return text

    def _expire(self, account: str) -> None:
        held = self._keys.pop(account)
        channel = futures_user_channel(account)
        self._hub.publish(channel, futures_reports.listen_key_expired(held.text, self._venue.now()))
        self._hub.silence(channel)

    def _account(self, request: web.Request) -> Account:
        key = request.headers.get("X-MBX-APIKEY")
        if not key:
            raise Refused(-2014, "API-key format invalid.", 401)
        return self._venue.spot.exchange.account(key)


def _ignore(_: Connection, text: str) -> None:
    """A user stream takes no frames."""
