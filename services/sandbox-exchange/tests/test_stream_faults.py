"""Faults of streams over the wire: lost, doubled and late events, and cut connections. The ledger is never concerned."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "50000"}
GENEROUS = 30


@asynccontextmanager
async def listening(client: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The account's user stream, subscribed."""
    params = {"apiKey": client.key, "timestamp": int(time.time() * 1000)}
    signed = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        params["signature"] = client.sign(signed)
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        assert (await socket.receive_json(timeout=GENEROUS))["status"] == 200
        yield socket


async def add(client: Any, kind: str, **options: object) -> None:
    status, fault = await client.admin("POST", "/admin/faults", {"kind": kind, **options})
    assert status == 201, fault


async def next_events(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[str]:
    """What the next events are: the execution type of a report, or the kind of event."""
    events = [(await socket.receive_json(timeout=GENEROUS))["event"] for _ in range(count)]
    return [str(event.get("x", event["e"])) for event in events]


async def ended(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Read until the connection ends; whether it ended without a goodbye."""
    while True:
        message = await socket.receive(timeout=GENEROUS)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return message.type is aiohttp.WSMsgType.CLOSED or socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("drop_events", ["outboundAccountPosition", "CANCELED", "outboundAccountPosition"]),
        ("duplicate_events", ["NEW", "NEW", "outboundAccountPosition", "CANCELED", "outboundAccountPosition"]),
        ("reorder_events", ["outboundAccountPosition", "NEW", "CANCELED", "outboundAccountPosition"]),
    ],
)
async def test_events_are_lost_doubled_and_swapped(client: Any, kind: str, told: list[str]) -> None:
    await add(client, kind, count=1, api_key=client.key)
    async with listening(client) as socket:
        await client.order(**ORDER, newClientOrderId="one")
        await client.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="one")
        assert await next_events(socket, len(told)) == told
    assert [order["status"] for order in (await client.ledger())["orders"]] == ["CANCELED"]


async def test_an_event_held_back_comes_alone_when_none_follows(client: Any) -> None:
    await add(client, "drop_events", count=1)
    await add(client, "reorder_events", count=1, milliseconds=50)
    async with listening(client) as socket:
        await client.order(**ORDER)
        assert await next_events(socket, 1) == ["outboundAccountPosition"]


async def test_an_event_held_back_is_told_after_its_fault_was_ended(client: Any) -> None:
    await add(client, "reorder_events", count=1, milliseconds=3_600_000)
    async with listening(client) as socket:
        await client.order(**ORDER)
        assert await next_events(socket, 2) == ["outboundAccountPosition", "NEW"]
        await client.admin("DELETE", "/admin/faults")
        await client.order(**ORDER)
        assert await next_events(socket, 2) == ["NEW", "outboundAccountPosition"]


async def test_a_user_stream_is_cut_and_can_be_opened_again(client: Any) -> None:
    await add(client, "cut_socket", endpoint="user_stream", api_key=client.key, count=1)
    async with listening(client) as socket:
        assert (await client.order(**ORDER))[0] == 200
        assert await ended(socket)
    async with listening(client) as socket:
        await client.order(**ORDER)
        assert await next_events(socket, 2) == ["NEW", "outboundAccountPosition"]
    assert len((await client.ledger())["orders"]) == 2


async def test_a_market_stream_is_cut_and_others_go_on(client: Any) -> None:
    await add(client, "cut_socket", endpoint="market_stream", symbol="BTC-USDT")
    async with (
        client.session.ws_connect(f"{client.base}/ws/ethusdt@trade") as other,
        client.session.ws_connect(f"{client.base}/ws/btcusdt@trade") as socket,
    ):
        assert await ended(socket)
        assert (await other.receive_json(timeout=GENEROUS))["s"] == "ETHUSDT"


async def test_maintenance_ends_streams_and_opens_none(client: Any) -> None:
    async with listening(client) as socket:
        await add(client, "maintenance")
        await client.admin("POST", "/admin/deposits", {"api_key": client.key, "asset": "BTC", "amount": "1"})
        assert await ended(socket)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.session.ws_connect(f"{client.base}/ws-api/v3")
    assert refused.value.status == 503
    await client.admin("DELETE", "/admin/faults")
    async with listening(client):
        pass


async def test_a_subscription_is_refused_by_a_clock_that_is_off(client: Any) -> None:
    await add(client, "clock_skew", endpoint="user_stream", milliseconds=3_600_000)
    params = {"apiKey": client.key, "timestamp": int(time.time() * 1000), "signature": "0"}
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        assert (await socket.receive_json(timeout=GENEROUS))["error"]["code"] == -1021


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("rate_limit", 429, -1003), ("error_before", 500, -1000), ("maintenance", 503, -1016)]
)
async def test_an_account_cannot_subscribe_while_others_can(client: Any, kind: str, status: int, code: int) -> None:
    await add(client, kind, api_key=client.key, endpoint="user_stream")
    params = {"apiKey": client.key, "timestamp": int(time.time() * 1000), "signature": "0"}
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        refused = await socket.receive_json(timeout=GENEROUS)
        assert (refused["status"], refused["error"]["code"]) == (status, code)
    await client.open_account()
    async with listening(client):
        pass


async def test_a_subscription_that_times_out_is_never_answered(client: Any) -> None:
    await add(client, "timeout_before", api_key=client.key, count=1)
    params = {"apiKey": client.key, "timestamp": int(time.time() * 1000), "signature": "0"}
    async with client.session.ws_connect(f"{client.base}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        await socket.send_json({"id": 2, "method": "ping"})
        assert (await socket.receive_json(timeout=GENEROUS))["id"] == 2
