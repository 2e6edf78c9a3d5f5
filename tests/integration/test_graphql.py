"""GraphQL on a whole stack: the same rows as REST, states as they change, and hostile documents."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import aiohttp
import pytest

from tests.stack import PASSWORD, USERNAME, Stack

ACCOUNT, CONNECTOR = "graph", "binance"
ORDER = {
    "account_name": ACCOUNT, "connector_name": CONNECTOR, "trading_pair": "BTC-USDT", "trade_type": "BUY", "amount": "0.001",
}  # fmt: skip
ORDERS = """orders(where: {accountNames: ["graph"]}, interval: 0.5)
    { totalCount nodes { orderId status filledAmount averageFillPrice createdAt } }"""
SECONDS = 90

pytestmark = pytest.mark.timeout(600)


async def post(http: aiohttp.ClientSession, path: str, body: Any, **options: Any) -> tuple[int, Any]:
    async with http.post(path, json=body, **options) as answer:
        return answer.status, await answer.json()


async def connect(http: aiohttp.ClientSession, keys: dict[str, Any]) -> None:
    async with http.post("/accounts/add-account", params={"account_name": ACCOUNT}) as answer:
        answer.raise_for_status()
    credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
    status, told = await post(http, f"/accounts/add-credential/{ACCOUNT}/{CONNECTOR}", credential)
    assert status < 300, told


async def place(http: aiohttp.ClientSession) -> str:
    """Take the market, as soon as the session takes orders."""
    async with asyncio.timeout(SECONDS):
        while True:
            status, told = await post(http, "/trading/orders", {**ORDER, "order_type": "MARKET"})
            if status == 201:
                return str(told["order_id"])
            assert status == 503, told
            await asyncio.sleep(0.2)


async def test_orders_are_read_and_watched(stack: Stack) -> None:
    keys = stack.sandbox_account(USDT="100000")
    token = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    async with (
        aiohttp.ClientSession(stack.url, headers=headers) as http,
        http.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as socket,
    ):
        await connect(http, keys)
        await socket.send_json({"type": "connection_init"})
        assert await socket.receive_json() == {"type": "connection_ack"}
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": f"subscription {{ {ORDERS} }}"}})
        order_id = await place(http)
        async with asyncio.timeout(SECONDS):
            while True:
                frame = await socket.receive_json()
                if frame["type"] != "next":
                    continue
                rows = {row["orderId"]: row for row in frame["payload"]["data"]["orders"]["nodes"]}
                if rows.get(order_id, {}).get("status") == "FILLED":
                    break
        query = """{ orders(where: {accountNames: ["graph"]}) { nodes { orderId filledAmount } totalCount }
            trades(where: {accountNames: ["graph"]}) { nodes { orderId amount price } } accounts
            executors { totalCount } positions { totalCount lastKnown } reconciliation { totalCount }
            portfolio(accountNames: ["graph"]) { connectorName token } }"""
        status, answer = await post(http, "/graphql", {"query": query})
        assert (status, "errors" in answer) == (200, False), answer
        data = answer["data"]
        _, rest = await post(http, "/trading/trades", {"account_names": [ACCOUNT]})
        told = [(row["orderId"], float(row["amount"]), float(row["price"])) for row in data["trades"]["nodes"]]
        assert told == [(row["order_id"], row["amount"], row["price"]) for row in rest["data"]]
        assert [row["orderId"] for row in data["orders"]["nodes"]] == [order_id]
        assert ACCOUNT in data["accounts"]
        hostile = "{ " + " ".join(f"a{number}: accounts" for number in range(100)) + " }"
        status, answer = await post(http, "/graphql", {"query": hostile})
        assert (status, answer["errors"][0]["extensions"]["field"]) == (400, "aliases")
