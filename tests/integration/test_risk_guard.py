"""The risk guard on a real stack: limits hold whoever is killed, and nothing reaches the exchange that they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from dotenv import dotenv_values

from tests.stack import PASSWORD, USERNAME, Stack, eventually

ACCOUNT, CONNECTOR = "careful", "binance"
ORDER = {
    "account_name": ACCOUNT,
    "connector_name": CONNECTOR,
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "amount": "0.01",
    "order_type": "LIMIT",
    "price": "20000",
}
LIMITS = f"/trading/{ACCOUNT}/risk-limits"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def api_key(stack: Stack) -> str:
    """The key of an account whose session takes orders."""
    keys = stack.sandbox_account(USDT="1000000", BTC="5")
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        client.post("/accounts/add-account", params={"account_name": ACCOUNT}).raise_for_status()
        credential = {"binance_api_key": keys["api_key"], "binance_api_secret": keys["api_secret"]}
        client.post(f"/accounts/add-credential/{ACCOUNT}/{CONNECTOR}", json=credential).raise_for_status()
    return str(keys["api_key"])


@pytest.fixture
def http(stack: Stack, api_key: str) -> Iterator[httpx.Client]:
    """A client, once the session takes orders; the limits are off at the beginning."""
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        eventually(lambda: client.put(LIMITS, json={}).status_code == 200, "limits can be set")
        takes_orders(client)
        yield client


def takes_orders(client: httpx.Client) -> None:
    """Wait for the session: a pair that nobody lists is refused by the session itself, once there is one."""

    def taken() -> bool:
        try:
            return client.post("/trading/orders", json={**ORDER, "trading_pair": "NO-SUCH"}).status_code == 400
        except httpx.HTTPError:
            return False

    eventually(taken, "the session takes orders")


def journal(stack: Stack, api_key: str) -> Any:
    """All that the exchange knows of the account."""
    return json.loads(stack.run("sandbox", "ledger", api_key))


def refused(answer: httpx.Response, text: str) -> None:
    """The answer is the guard's, and names the rule and both numbers."""
    assert (answer.status_code, answer.json()["code"]) == (403, "RiskLimitExceeded"), answer.text
    assert text in answer.json()["detail"]


def test_limits_hold_and_outlive_the_trading_service(stack: Stack, http: httpx.Client, api_key: str) -> None:
    assert http.get(LIMITS).json()["limits"]["max_order_notional"] is None
    http.put(LIMITS, json={"max_order_notional": "150", "max_open_orders": 1}).raise_for_status()
    before = journal(stack, api_key)
    refused(http.post("/trading/orders", json=ORDER), "a notional of 200 USD is above max_order_notional 150")
    assert journal(stack, api_key) == before
    small = {**ORDER, "amount": "0.005"}
    placed = http.post("/trading/orders", json=small)
    assert placed.status_code == 201, placed.text
    refused(http.post("/trading/orders", json=small), "2 open orders would be above max_open_orders 1")

    stack.kill("trading")
    takes_orders(http)
    refused(http.post("/trading/orders", json=small), "2 open orders would be above max_open_orders 1")
    assert http.get(LIMITS).json()["limits"]["max_order_notional"] == "150"
    http.put(LIMITS, json={}).raise_for_status()
    assert http.post("/trading/orders", json=small).status_code == 201
    assert "RiskLimitHit" in stack.run("history", f"trading.risk-{ACCOUNT}")


def test_an_unknown_account_has_no_limits(http: httpx.Client) -> None:
    for name in ("nobody", "no.body"):
        path = f"/trading/{name}/risk-limits"
        assert http.get(path).status_code == 404
        assert http.put(path, json={"max_open_orders": 1}).status_code == 404


def test_a_dry_run_leaves_nothing_anywhere(stack: Stack, http: httpx.Client, api_key: str) -> None:
    placed = http.post("/trading/orders", json=ORDER)
    assert placed.status_code == 201, placed.text
    order_id = placed.json()["order_id"]
    eventually(lambda: order_id in stack.run("sandbox", "ledger", api_key), "the order is on the book")
    cancel = f"/trading/{ACCOUNT}/{CONNECTOR}/orders"
    dry: dict[str, Any] = {"params": {"dry_run": "true"}}
    before = journal(stack, api_key), facts(stack)
    rehearsed = http.post("/trading/orders", **dry, json={**ORDER, "amount": "0.0100009", "price": "20000.009"})
    assert rehearsed.status_code == 200, rehearsed.text
    assert rehearsed.json() == {
        "dry_run": True,
        "account_name": ACCOUNT,
        "connector_name": CONNECTOR,
        "trading_pair": "BTC-USDT",
        "trade_type": "BUY",
        "order_type": "LIMIT",
        "amount": "0.01",
        "price": "20000",
        "position_action": "OPEN",
    }
    too_small = http.post("/trading/orders", **dry, json={**ORDER, "amount": "0.0000001"})
    assert (too_small.status_code, too_small.json()["code"]) == (400, "OrderBelowMinimum")
    for path in (f"{cancel}/{order_id}/cancel", f"{cancel}/cancel-all"):
        answer = http.post(path, **dry)
        assert answer.status_code == 200, answer.text
        assert order_id in answer.json()["order_ids"]
    assert http.post(f"{cancel}/nothing/cancel", **dry).status_code == 404
    assert (journal(stack, api_key), facts(stack)) == before


def facts(stack: Stack) -> int:
    """How many events the log holds of orders and limits; the streams carry these and no others."""

    async def counted() -> int:
        url = str(dotenv_values(stack.home / "run/trading.env")["TRADING_DATABASE_URL"])
        connection = await asyncpg.connect(url, server_settings={"search_path": "trading"})
        try:
            found = await connection.fetchval(
                "SELECT count(*) FROM stored_events WHERE originator_id ~ '^trading.(order|risk)-'"
            )
        finally:
            await connection.close()
        return int(found)

    return asyncio.run(counted())
