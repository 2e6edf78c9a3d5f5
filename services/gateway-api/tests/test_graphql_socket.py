"""/graphql over a WebSocket: the protocol graphql-transport-ws, its limits, and states as they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake_services import FakeServices
from gateway_api.rest.connection import Terms
from socket_server import BASIC, Client, connected, served
from test_graphql import ORDER

WATCH = "subscription { orders(interval: 0.5) { totalCount nodes { orderId } } }"


def page(*ids: str) -> dict[str, Any]:
    rows = [{**ORDER, "order_id": id_} for id_ in ids]
    return {"data": rows, "pagination": {"limit": 100, "has_more": False, "next_cursor": None, "total_count": len(rows)}}


@asynccontextmanager
async def client(
    terms: Terms | None = None, protocol: str = "graphql-transport-ws", begun: bool = True
) -> AsyncIterator[tuple[Client, FakeServices]]:
    async with (
        served(terms, answers=[("SearchOrders", page("o1"))]) as server,
        connected(f"{server.url}/graphql", headers=BASIC, protocols=[protocol], greet=False) as opened,
    ):
        if begun:
            assert await opened.ask(type="connection_init") == {"type": "connection_ack"}
        yield opened, server.services


async def test_states_come_at_once_and_when_they_are_others() -> None:
    async with client() as (opened, services):
        first = await opened.ask(id="1", type="subscribe", payload={"query": WATCH})
        assert first == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"orders": {"totalCount": 1, "nodes": [{"orderId": "o1"}]}}},
        }
        services.answers["SearchOrders"] = page("o2", "o1")
        second = await opened.until("next")
        assert [row["orderId"] for row in second["payload"]["data"]["orders"]["nodes"]] == ["o2", "o1"]
        await opened.send(id="1", type="complete")
        assert await opened.ask(type="ping") == {"type": "pong"}


async def test_a_query_is_answered_and_complete() -> None:
    async with client() as (opened, _):
        answer = await opened.ask(id="q", type="subscribe", payload={"query": "{ orders { totalCount } }"})
        assert answer["payload"] == {"data": {"orders": {"totalCount": 1}}}
        assert await opened.receive() == {"id": "q", "type": "complete"}


async def test_a_document_that_is_refused_is_an_error_and_the_connection_stays() -> None:
    async with client() as (opened, services):
        for query in ("subscription { nothing }", "{ " + " ".join(f"a{n}: accounts" for n in range(31)) + " }"):
            refused = await opened.ask(id="1", type="subscribe", payload={"query": query})
            assert (refused["type"], refused["id"]) == ("error", "1")
            assert set(refused["payload"][0]["extensions"]) == {"code", "field", "rule"}
        wrong = "subscription { orders(interval: 0.01) { totalCount } }"
        refused = await opened.ask(id="2", type="subscribe", payload={"query": wrong})
        assert refused["type"] in {"next", "error"}
        assert "interval" in str(refused["payload"])
        assert services.sent == []


async def test_a_connection_has_a_bounded_number_of_subscriptions() -> None:
    async with client(Terms(subscriptions=1)) as (opened, _):
        assert (await opened.ask(id="1", type="subscribe", payload={"query": WATCH}))["type"] == "next"
        refused = await opened.ask(id="2", type="subscribe", payload={"query": WATCH})
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "TooManySubscriptions")


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": WATCH}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "what"}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "1", "payload": {}}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "", "payload": {"query": WATCH}}], 4400),
        ([{"type": "connection_init"}, *[{"type": "subscribe", "id": "1", "payload": {"query": WATCH}}] * 2], 4409),
    ],
)
async def test_breaches_of_the_protocol_close_the_connection(frames: list[dict[str, Any]], code: int) -> None:
    async with client(begun=False) as (opened, _):
        for frame in frames:
            await opened.send(**frame)
        async with asyncio.timeout(60):
            while not opened.socket.closed:
                await opened.socket.receive()
        assert opened.socket.close_code == code


async def test_who_does_not_begin_is_closed() -> None:
    async with client(Terms(patience=0.2), begun=False) as (opened, _):
        assert await opened.closed() == 4408


async def test_another_protocol_is_refused() -> None:
    async with client(protocol="graphql-ws", begun=False) as (opened, _):
        assert await opened.closed() == 4406


async def test_nobody_is_let_in_without_credentials() -> None:
    async with (
        served() as server,
        connected(f"{server.url}/graphql", headers=None, protocols=["graphql-transport-ws"], greet=False) as opened,
    ):
        assert (await opened.receive())["type"] == "error"
        assert await opened.closed() == 4001
