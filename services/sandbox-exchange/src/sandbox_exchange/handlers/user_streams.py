"""The WebSocket API, `/ws-api/v3`: an account's user stream, subscribed by signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox_exchange.domain.faults.answers import told
from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.fault import BEFORE, Endpoint, Kind, Occasion
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.handlers.authentication import authenticate
from sandbox_exchange.handlers.channels import user_channel
from sandbox_exchange.handlers.parameters import Parameters
from sandbox_exchange.handlers.streams import Connection, Hub, Wrap
from sandbox_exchange.handlers.venue import Venue

RATE_LIMITS = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 2}]


class Unheard(Exception):
    """A frame that gets no answer."""


class UserStreams:
    """Private WebSocket subscriptions."""

    def __init__(self, venue: Venue, hub: Hub, faults: Faults) -> None:
        self._venue = venue
        self._hub = hub
        self._faults = faults
        self._subscriptions = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/ws-api/v3", self.serve)]

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        return await self._hub.serve(request, self._receive, {})

    def _receive(self, connection: Connection, text: str) -> None:
        number: object = None
        try:
            frame = _frame(text)
            number = frame.get("id")
            result = self._carry_out(connection, str(frame.get("method")), frame.get("params") or {})
            connection.send({"id": number, "status": 200, "result": result, "rateLimits": RATE_LIMITS})
        except Unheard:
            pass
        except Refused as error:
            body = {"code": error.code, "msg": error.message}
            connection.send({"id": number, "status": error.status, "error": body, "rateLimits": RATE_LIMITS})

    def _carry_out(self, connection: Connection, method: str, params: Mapping[str, Any]) -> object:
        if method == "ping":
            return {}
        if method == "time":
            return {"serverTime": self._server_time("")}
        if method == "userDataStream.subscribe.signature":
            return self._subscribe(connection, params)
        if method == "userDataStream.unsubscribe":
            for channel in list(connection.channels):
                self._hub.leave(connection, channel)
            return {}
        raise Refused(-1020, "This operation is not supported.")

    def _subscribe(self, connection: Connection, params: Mapping[str, Any]) -> object:
        sent = {name: str(value) for name, value in params.items()}
        signed = "&".join(f"{name}={value}" for name, value in sorted(sent.items()) if name != "signature")
        api_key = sent.get("apiKey", "")
        self._meet_faults(api_key)
        account = authenticate(self._venue.exchange, api_key, Parameters(sent), signed, self._server_time(api_key))
        number = self._subscriptions
        self._subscriptions += 1
        self._hub.listen(connection, user_channel(account.id), _wrap(number))
        return {"subscriptionId": number}

    def _meet_faults(self, api_key: str) -> None:
        """Refuse a subscription as a fault has it; one that timed out is as if the frame had never come."""
        now = self._venue.now()
        firing = self._faults.first(BEFORE, self._occasion(api_key), now)
        if firing is None:
            return
        if firing.wanted.kind is Kind.TIMEOUT_BEFORE:
            raise Unheard
        raise told(firing, Endpoint.USER_STREAM, now)

    def _server_time(self, api_key: str) -> int:
        """The time as the faults show it to the account of an API key, in ms."""
        now = self._venue.now()
        return now + self._faults.delay(Kind.CLOCK_SKEW, self._occasion(api_key), now)

    def _occasion(self, api_key: str) -> Occasion:
        account = self._venue.exchange.state.by_api_key.get(api_key)
        return Occasion(Endpoint.USER_STREAM, "" if account is None else account.id, api_key)


def _frame(text: str) -> Mapping[str, Any]:
    try:
        frame = json.loads(text)
    except ValueError:
        frame = None
    if not isinstance(frame, dict) or not isinstance(frame.get("params") or {}, dict):
        raise Refused(-1000, "A frame must be a JSON object with the parameters as an object.")
    return frame


def _wrap(number: int) -> Wrap:
    def wrap(_: str, payload: Mapping[str, object]) -> object:
        return {"subscriptionId": number, "event": payload}

    return wrap
