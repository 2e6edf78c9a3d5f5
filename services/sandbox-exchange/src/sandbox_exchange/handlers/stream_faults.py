"""Faults of streams, at the one point where all that is told passes: lost, doubled and late events, and cut connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.fault import Endpoint, Firing, Kind, Occasion
from sandbox_exchange.handlers.channels import account_of, symbol_of
from sandbox_exchange.handlers.streams import Hub
from sandbox_exchange.handlers.venue import Venue

CUTS = (Kind.CUT_SOCKET, Kind.MAINTENANCE)
EVENTS = (Kind.DROP_EVENTS, Kind.DUPLICATE_EVENTS, Kind.REORDER_EVENTS)

type Payload = Mapping[str, object]


class StreamFaults:
    """Delivers what the exchange publishes, or not, as the faults have it."""

    def __init__(self, venue: Venue, hub: Hub, faults: Faults) -> None:
        self._venue = venue
        self._hub = hub
        self._faults = faults
        self._held: dict[str, Payload] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def publish(self, channel: str, payload: Payload) -> None:
        """Tell a channel's listeners. An event that is held back follows the next one, or comes alone after its time."""
        if not self._faults and channel not in self._held:
            self._hub.deliver(channel, payload)
            return
        occasion = self._occasion(channel, payload)
        now = self._venue.now()
        if self._faults.first(CUTS, occasion, now) is not None:
            self._forget(channel)
            self._hub.cut(channel)
            return
        firing = self._faults.first(EVENTS, occasion, now) if occasion.endpoint is Endpoint.USER_STREAM else None
        kind = None if firing is None else firing.wanted.kind
        if kind is Kind.REORDER_EVENTS and channel not in self._held:
            assert firing is not None  # noqa: S101 - its kind was just read
            self._hold(channel, payload, firing)
            return
        if kind is not Kind.DROP_EVENTS:
            self._hub.deliver(channel, payload)
        if kind is Kind.DUPLICATE_EVENTS:
            self._hub.deliver(channel, payload)
        self._release(channel)

    def _occasion(self, channel: str, payload: Payload) -> Occasion:
        account = account_of(channel)
        if account is None:
            return Occasion(Endpoint.MARKET_STREAM, symbol=symbol_of(channel))
        key = self._venue.exchange.state.accounts[account].api_key
        return Occasion(Endpoint.USER_STREAM, account, key, _symbol(payload))

    def _hold(self, channel: str, payload: Payload, firing: Firing) -> None:
        self._held[channel] = payload
        loop = asyncio.get_running_loop()
        self._timers[channel] = loop.call_later(firing.milliseconds / 1000, self._release, channel)

    def _release(self, channel: str) -> None:
        held = self._forget(channel)
        if held is not None:
            self._hub.deliver(channel, held)

    def _forget(self, channel: str) -> Payload | None:
        timer = self._timers.pop(channel, None)
        if timer is not None:
            timer.cancel()
        return self._held.pop(channel, None)


def _symbol(payload: Payload) -> str:
    """The symbol an account's event is about; a futures report has it inside. Empty when it is about none or several."""
    inside = payload.get("o")
    return str((inside if isinstance(inside, dict) else payload).get("s", ""))
