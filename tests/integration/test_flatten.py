"""Flattening an account on a real stack: executors, orders and positions end, and it can be repeated."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.stack import PASSWORD, USERNAME, Stack, eventually

ACCOUNT = "leaving"
FLATTEN = f"/trading/{ACCOUNT}/flatten"
ORDER = {"account_name": ACCOUNT, "trading_pair": "BTC-USDT", "trade_type": "BUY", "amount": "0.1"}
RESTING = {**ORDER, "connector_name": "binance", "order_type": "LIMIT", "price": "20000"}
POSITION = {**ORDER, "connector_name": "binance_perpetual", "order_type": "MARKET"}
EXECUTOR = {
    "type": "position_executor",
    "connector_name": "binance",
    "trading_pair": "BTC-USDT",
    "side": "BUY",
    "amount": "0.01",
    "triple_barrier_config": {"stop_loss": "0.5", "take_profit": "0.9"},
}

pytestmark = pytest.mark.timeout(600)


def connect(http: httpx.Client, keys: dict[str, Any]) -> None:
    """An account with spot and futures of one exchange account."""
    http.post("/accounts/add-account", params={"account_name": ACCOUNT}).raise_for_status()
    for connector in ("binance", "binance_perpetual"):
        credential = {f"{connector}_api_key": keys["api_key"], f"{connector}_api_secret": keys["api_secret"]}
        http.post(f"/accounts/add-credential/{ACCOUNT}/{connector}", json=credential).raise_for_status()


def place(http: httpx.Client, order: dict[str, Any]) -> str:
    """Place an order as soon as its session takes one; its id."""

    def placed() -> str | None:
        answer = http.post("/trading/orders", json=order)
        assert answer.status_code in {201, 503}, answer.text
        return str(answer.json()["order_id"]) if answer.status_code == 201 else None

    return str(eventually(placed, "an order is accepted"))


def status(http: httpx.Client, order_id: str) -> str:
    """The order's status."""
    rows = http.post("/trading/orders/search", json={"account_names": [ACCOUNT], "limit": 1000}).json()["data"]
    return next(str(row["status"]) for row in rows if row["order_id"] == order_id)


def ledger(stack: Stack, api_key: str) -> dict[str, Any]:
    """The exchange's own books."""
    return dict(json.loads(stack.run("sandbox", "ledger", api_key)))


def rehearse(stack: Stack, http: httpx.Client, api_key: str, executor_id: str, resting: str) -> None:
    """A rehearsal tells what there is to end, and ends nothing."""

    def opened() -> dict[str, Any] | None:
        found = ledger(stack, api_key)
        return found if [each["status"] for each in found["orders"]] == ["NEW", "FILLED"] else None

    before = eventually(opened, "the executor's market order is filled, so nothing is under way")
    assert before is not None
    told = http.post(FLATTEN, params={"dry_run": True}).json()
    assert (told["dry_run"], told["executors"], told["unknown_positions"]) == (True, [executor_id], [])
    assert resting in told["orders"]
    assert [(each["side"], Decimal(each["amount"])) for each in told["positions"]] == [("SELL", Decimal("0.1"))]
    path = f"/trading/{ACCOUNT}/risk-limits"
    limits = http.put(path, params={"dry_run": True}, json={"max_open_orders": 2}).json()
    assert limits["limits"]["max_open_orders"] == 2
    assert http.get(path).json()["limits"]["max_open_orders"] is None
    after = ledger(stack, api_key)
    assert (after["orders"], after["futures"]["orders"]) == (before["orders"], before["futures"]["orders"])


def test_an_account_is_flattened_once_and_can_be_again(stack: Stack) -> None:
    keys = stack.sandbox_account()
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=150) as http:
        connect(http, keys)
        resting, position = place(http, RESTING), place(http, POSITION)
        eventually(lambda: status(http, resting) == "OPEN", "the order is open")
        eventually(lambda: status(http, position) == "FILLED", "the position is open")
        started = http.post("/executors/", json={"account_name": ACCOUNT, "executor_config": EXECUTOR})
        assert started.status_code == 201, started.text
        executor_id = started.json()["executor_id"]
        assert ledger(stack, keys["api_key"])["futures"]["positions"] != []

        rehearse(stack, http, keys["api_key"], executor_id, resting)
        done = http.post(FLATTEN, headers={"Idempotency-Key": "out"})
        assert done.status_code == 200, done.text
        told = done.json()
        assert told["not_done"] == []
        assert told["executors_stopped"] == [executor_id]
        assert resting in told["orders_cancelled"]
        [closed] = told["positions_closed"]
        assert (closed["connector_name"], closed["side"]) == ("binance_perpetual", "SELL")
        assert Decimal(closed["amount"]) == Decimal("0.1")
        assert status(http, resting) == "CANCELLED"
        books = ledger(stack, keys["api_key"])
        assert books["futures"]["positions"] == []
        assert http.get(f"/executors/{executor_id}").json()["status"] == "TERMINATED"

        again = http.post(FLATTEN, headers={"Idempotency-Key": "out"})
        assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", told)
        nothing = http.post(FLATTEN, params={"connector_name": "binance_perpetual"}).json()
        assert nothing == {
            "account_name": ACCOUNT,
            "executors_stopped": [],
            "orders_cancelled": [],
            "positions_closed": [],
            "not_done": [],
        }
        assert ledger(stack, keys["api_key"])["futures"]["orders"] == books["futures"]["orders"]
        assert http.post("/trading/nobody/flatten").status_code == 404
        assert http.post(FLATTEN, params={"connector_name": "kraken"}).status_code == 404
