"""More orders than the exchange takes from one account: refused before they are stored, and placed when they come again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from tests.ledger import exchange_books
from tests.stack import PASSWORD, USERNAME, Stack, eventually

ACCOUNT, CONNECTOR = "hasty", "binance"
ORDERS = 130
LIMIT, WINDOW = 100, 10_000
"""Orders in milliseconds, by the engine's limiter."""
ORDER = {
    "account_name": ACCOUNT,
    "connector_name": CONNECTOR,
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "amount": "0.001",
    "order_type": "LIMIT",
    "price": "20000",
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def api_key(stack: Stack) -> str:
    """The key of an account whose session takes orders."""
    keys = stack.sandbox_account(USDT="1000000")
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        client.post("/accounts/add-account", params={"account_name": ACCOUNT}).raise_for_status()
        credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        client.post(f"/accounts/add-credential/{ACCOUNT}/{CONNECTOR}", json=credential).raise_for_status()

        def takes_orders() -> bool:
            # A pair that nobody lists is refused by the session itself, once there is one.
            return client.post("/trading/orders", json={**ORDER, "trading_pair": "NO-SUCH"}).status_code == 400

        eventually(takes_orders, "the session takes orders")
    return str(keys["api_key"])


class Placed:
    """What became of each order, by its Idempotency-Key."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.waits: dict[str, int] = {}

    async def send(self, http: httpx.AsyncClient, keys: Iterable[str]) -> None:
        """Place all at once."""
        await asyncio.gather(*(self._one(http, key) for key in keys))

    async def _one(self, http: httpx.AsyncClient, key: str) -> None:
        answer = await http.post("/trading/orders", json=ORDER, headers={"Idempotency-Key": key})
        body = answer.json()
        if answer.status_code == 201:
            self.ids[key] = body["order_id"]
            self.waits.pop(key, None)
            return
        assert (answer.status_code, body["code"], body["status"]) == (429, "OrderRateExceeded", 429), body
        assert answer.headers["content-type"] == "application/problem+json"
        assert "nothing was sent" in body["detail"]
        self.waits[key] = int(answer.headers["Retry-After"])


def ledger(stack: Stack, api_key: str) -> list[dict[str, Any]]:
    """The orders in the exchange's own books."""
    orders: list[dict[str, Any]] = json.loads(stack.run("sandbox", "ledger", api_key))["orders"]
    return orders


async def test_orders_beyond_the_limit_wait_at_the_client_and_none_is_lost_or_doubled(stack: Stack, api_key: str) -> None:
    placed = Placed()
    limits = httpx.Limits(max_connections=24)
    async with httpx.AsyncClient(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=120, limits=limits) as http:
        await placed.send(http, [f"hasty-{number}" for number in range(ORDERS)])
        assert placed.waits, "some were refused"
        assert len(placed.ids) <= LIMIT
        assert all(1 <= wait <= 11 for wait in placed.waits.values())
        eventually(lambda: reached(stack, api_key) == set(placed.ids.values()), "exactly the accepted orders are on the book")

        withdrawn = next(iter(placed.ids.values()))
        cancelled = await http.post(f"/trading/{ACCOUNT}/{CONNECTOR}/orders/{withdrawn}/cancel")
        assert cancelled.status_code == 200, cancelled.text
        eventually(lambda: exchange_books(stack, api_key).orders[withdrawn][0] == "CANCELLED", "a cancel finds its way")

        while placed.waits:
            await asyncio.sleep(max(placed.waits.values()))
            await placed.send(http, list(placed.waits))
    assert len(set(placed.ids.values())) == ORDERS
    eventually(lambda: reached(stack, api_key) == set(placed.ids.values()), "every order is on the book")
    orders = ledger(stack, api_key)
    assert len(orders) == ORDERS
    times = sorted(order["time"] for order in orders)
    assert all(last - first >= WINDOW for first, last in zip(times, times[LIMIT:], strict=False))


def reached(stack: Stack, api_key: str) -> set[str]:
    """The ids of all orders that came to the exchange."""
    return set(exchange_books(stack, api_key).orders)
