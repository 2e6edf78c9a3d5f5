"""/ws/executors (contract 9.1 and 9.3) with the official client, unchanged."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import aiohttp
import pytest
from hummingbot_api_client import HummingbotAPIClient
from hummingbot_api_client.ws import ExecutorsWebSocket

from tests.conformance.conftest import CONNECTOR, PAIR, Target

DEADLINE = 90


@contextlib.asynccontextmanager
async def opened(target: Target) -> AsyncIterator[tuple[HummingbotAPIClient, ExecutorsWebSocket]]:
    async with (
        HummingbotAPIClient(target.url, target.username, target.password) as client,
        client.ws.executors() as socket,
        asyncio.timeout(DEADLINE),
    ):
        assert len(socket.connection_id or "") == 12
        yield client, socket


async def frame(socket: ExecutorsWebSocket, kind: str) -> dict[str, Any]:
    """The next frame of a type; an error about a subscription fails the test."""
    while True:
        received: dict[str, Any] = await socket.receive()
        assert received["type"] != "error", received
        if received["type"] == kind:
            return received


async def test_every_subscription_gives_its_first_frame(target: Target) -> None:
    async with opened(target) as (_, socket):
        assert (await socket.ping())["type"] == "pong"
        subscriptions: list[tuple[Awaitable[str], str, dict[str, Any]]] = [
            (
                socket.subscribe_executors(filters={"account_name": "no_such_account"}),
                "executors",
                {"data": [], "total_count": 0},
            ),
            (socket.subscribe_executor_detail("no_such_executor"), "executor_detail", {"data": None}),
            (socket.subscribe_executor_logs("no_such_executor"), "executor_logs", {"data": [], "total_count": 0}),
        ]
        for subscribing, kind, members in subscriptions:
            id_ = await subscribing
            assert id_.startswith(kind)
            received = await frame(socket, kind)
            assert isinstance(received.pop("timestamp"), float)
            assert received == {"type": kind, "subscription_id": id_, **members}
            await socket.unsubscribe(id_)
        totals = [
            (socket.subscribe_executor_summary(), "executor_summary", "total_active"),
            (socket.subscribe_performance(controller_id="no_such"), "performance", "position_hold_fees_quote"),
            (socket.subscribe_positions(controller_id="no_such"), "positions", "total_positions"),
        ]
        for subscribing, kind, member in totals:
            id_ = await subscribing
            assert (await frame(socket, kind))["data"][member] == 0 or kind == "executor_summary"
            await socket.unsubscribe(id_)


async def test_an_executor_shows_and_its_end_does(target: Target, trader: str) -> None:
    config = {
        "type": "order_executor",
        "connector_name": CONNECTOR,
        "trading_pair": PAIR,
        "side": "BUY",
        "amount": "0.001",
        "execution_strategy": "LIMIT",
        "price": "10000",
    }
    async with opened(target) as (client, socket):
        controller = f"c_{secrets.token_hex(4)}"
        await socket.subscribe_executors(0.5, {"account_name": trader, "controller_id": controller})
        assert (await frame(socket, "executors"))["data"] == []
        created = await client.executors.create_executor(config, trader, controller)
        id_ = created["executor_id"]
        shown = await frame(socket, "executors")
        assert ([item["executor_id"] for item in shown["data"]], shown["total_count"]) == ([id_], 1)
        await client.executors.stop_executor(id_)
        while shown["data"][0]["status"] != "TERMINATED":
            shown = await frame(socket, "executors")
        detail = await socket.subscribe_executor_detail(id_)
        ended = await frame(socket, "executor_detail")
        assert (ended["subscription_id"], ended["data"]["status"]) == (detail, "TERMINATED")
        await socket.subscribe_executor_logs(id_, limit=1000)
        entries = (await frame(socket, "executor_logs"))["data"]
        while entries != (await client.executors.get_executor_logs(id_, limit=1000))["logs"]:
            entries += (await frame(socket, "executor_logs"))["data"]
        searched = await client.executors.search_executors(controller_ids=[controller])
        assert shown["data"] == searched["data"]


async def test_what_is_refused(target: Target) -> None:
    async with opened(target) as (_, socket):
        with pytest.raises(
            RuntimeError, match=r"Subscribe failed: Invalid subscription type: all_bots_status\. Valid types: .*"
        ):
            await socket.subscribe_all_bots_status()
        with pytest.raises(RuntimeError, match="Unsubscribe failed: No subscription found: x"):
            await socket.unsubscribe("x")
        assert (await socket.ping())["type"] == "pong"


async def test_wrong_credentials(target: Target) -> None:
    async with HummingbotAPIClient(target.url, target.username, "wrong") as client:
        with pytest.raises(RuntimeError, match="WebSocket auth failed: Authentication failed"):
            async with client.ws.executors():
                pass
    address = f"{target.url.replace('http', 'ws', 1)}/ws/executors"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket, asyncio.timeout(DEADLINE):
        assert await socket.receive_json() == {"type": "error", "message": "Authentication failed"}
        await socket.receive()
        assert socket.close_code == 4001
