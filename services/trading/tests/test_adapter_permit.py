"""The last look at the lease: whatever was under way, nothing that changes something leaves once the session is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from binance_wire import KEY, SECRET, BinanceWire
from engine_kit import permit
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from test_adapter_binance import ticket
from trading.adapters.markets import Markets
from trading.adapters.session import EngineExchanges, EngineSession
from trading.handlers.exchange import Accepted, Refused, ReportStatus, Unproven


class Lease:
    """Held for so many looks more."""

    def __init__(self) -> None:
        self.looks = 1000

    def held(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


@pytest.fixture
async def wire() -> AsyncIterator[BinanceWire]:
    made = BinanceWire()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
async def session(wire: BinanceWire, lease: Lease) -> AsyncIterator[EngineSession]:
    engine = Engine(Venue(wire.url))
    await engine.start()
    fields = {"binance_api_key": KEY, "binance_api_secret": SECRET}
    made = EngineExchanges(engine, Markets(engine)).session("master_account", "binance", fields, lease.held)
    await made.start()
    yield made
    await made.stop()
    await engine.stop()


@pytest.mark.parametrize("looks", [0, 1])
async def test_an_order_is_not_sent_once_the_lease_is_lost(
    session: EngineSession, wire: BinanceWire, lease: Lease, looks: int
) -> None:
    """Lost before it is sent, and lost when its connection is already there and its bytes are about to be written."""
    lease.looks = looks
    order = ticket(session)
    outcome = await session.submit(order)
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith("nothing was sent")
    assert "POST /order" not in wire.requests
    assert (await session.order_report(order)).status is ReportStatus.NOT_FOUND


@pytest.mark.parametrize("looks", [0, 1])
async def test_a_cancel_is_not_sent_once_the_lease_is_lost(
    session: EngineSession, wire: BinanceWire, lease: Lease, looks: int
) -> None:
    order = ticket(session)
    accepted = await session.submit(order)
    assert isinstance(accepted, Accepted)
    lease.looks = looks
    outcome = await session.cancel(replace(order, exchange_order_id=accepted.exchange_order_id))
    assert isinstance(outcome, Refused | Unproven)
    assert "DELETE /order" not in wire.requests


async def test_what_waits_for_the_rate_limit_is_asked_after_the_wait(
    session: EngineSession, wire: BinanceWire, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process stopped in that wait signs and sends with the time of its awakening, which the exchange would take."""
    waiting, go_on = asyncio.Event(), asyncio.Event()

    class Turn:
        async def __aenter__(self) -> None:
            waiting.set()
            await go_on.wait()

        async def __aexit__(self, *_: object) -> None:
            """Nothing is given back."""

    throttler = type(session.engine_connector.throttler)
    monkeypatch.setattr(throttler, "execute_task", lambda *_, **__: Turn())
    sending = asyncio.create_task(session.submit(ticket(session)))
    await waiting.wait()
    lease.looks = 0
    go_on.set()
    assert isinstance(await sending, Refused)
    assert "POST /order" not in wire.requests


def test_without_a_permit_everything_may_be_sent() -> None:
    with permit.sending(object()):
        permit.check()
