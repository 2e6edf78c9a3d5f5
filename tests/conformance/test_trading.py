"""/trading (contract 8.5)."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.conformance.conftest import CONNECTOR, PAIR, Target
from tests.conformance.shapes import ORDER, PLACED, TRADE, VALIDATION, check, page
from tests.stack import eventually


def body(account: str, **changes: Any) -> dict[str, Any]:
    order = {
        "account_name": account,
        "connector_name": CONNECTOR,
        "trading_pair": PAIR,
        "trade_type": "BUY",
        "amount": "0.01",
        "order_type": "LIMIT",
        "price": "10000",
    }
    return {key: value for key, value in {**order, **changes}.items() if value is not ...}


def order(api: httpx.Client, account: str, order_id: str) -> dict[str, Any] | None:
    found = api.post("/trading/orders/search", json={"account_names": [account], "limit": 1000}).json()["data"]
    return next((each for each in found if each["order_id"] == order_id), None)


@pytest.mark.parametrize("route", ["orders/active", "orders/search"])
@pytest.mark.parametrize("filters", [{}, {"limit": 1}, {"account_names": ["no_such_account"]}, {"trading_pairs": [PAIR]}])
def test_pages_of_orders(api: httpx.Client, route: str, filters: dict[str, Any]) -> None:
    response = api.post(f"/trading/{route}", json=filters)
    assert response.status_code == 200
    check(response.json(), page(ORDER))
    assert response.json()["pagination"]["limit"] == filters.get("limit", 100)


@pytest.mark.parametrize("filters", [{}, {"limit": 1, "trade_types": ["BUY"]}, {"start_time": 1_700_000_000}])
def test_pages_of_trades(api: httpx.Client, filters: dict[str, Any]) -> None:
    response = api.post("/trading/trades", json=filters)
    assert response.status_code == 200
    check(response.json(), page(TRADE))


@pytest.mark.parametrize("route", ["orders/active", "orders/search", "trades"])
def test_cursors_that_were_not_given_out(api: httpx.Client, route: str) -> None:
    assert api.post(f"/trading/{route}", json={"cursor": "not a cursor"}).status_code == 400


def test_limit_order_lives_and_is_cancelled(api: httpx.Client, trader: str, price: float) -> None:
    away = str(Decimal(int(price * 0.8)))
    placed = api.post("/trading/orders", json=body(trader, price=away, amount=0.01))
    assert placed.status_code == 201, placed.text
    check(placed.json(), PLACED)
    answer = placed.json()
    assert {**answer, "order_id": ""} == {
        **body(trader),
        "order_id": "",
        "status": "submitted",
        "amount": "0.01",
        "price": away,
    }
    order_id = answer["order_id"]

    def is_open() -> bool:
        found = api.post("/trading/orders/active", json={"account_names": [trader]}).json()["data"]
        return any(each["order_id"] == order_id and each["status"] == "OPEN" for each in found)

    eventually(is_open, "the order is open", 30)
    cancelled = api.post(f"/trading/{trader}/{CONNECTOR}/orders/{order_id}/cancel")
    assert (cancelled.status_code, cancelled.json()) == (200, {"message": f"Order cancellation initiated for {order_id}"})
    eventually(lambda: (order(api, trader, order_id) or {}).get("status") == "CANCELLED", "the order is cancelled", 30)
    again = api.post(f"/trading/{trader}/{CONNECTOR}/orders/{order_id}/cancel")
    assert (again.status_code, again.json()["detail"]) == (404, f"Order '{order_id}' not found in active orders")


def test_market_order_fills(api: httpx.Client, trader: str) -> None:
    started = int(time.time()) - 60
    placed = api.post("/trading/orders", json=body(trader, order_type="MARKET", price=..., amount=0.002))
    assert placed.status_code == 201, placed.text
    check(placed.json(), PLACED)
    assert placed.json()["price"] is None
    order_id = placed.json()["order_id"]
    eventually(lambda: (order(api, trader, order_id) or {}).get("status") == "FILLED", "the order is filled", 30)
    done = order(api, trader, order_id)
    assert done is not None
    assert (done["amount"], done["filled_amount"]) == (0.002, 0.002)
    assert done["average_fill_price"] > 0
    for start in (started, started * 1000):
        filters = {"account_names": [trader], "trading_pairs": [PAIR], "trade_types": ["BUY"], "start_time": start}
        trades = api.post("/trading/trades", json=filters).json()["data"]
        own = [each for each in trades if each["order_id"] == order_id]
        assert sum(Decimal(str(each["amount"])) for each in own) == Decimal("0.002")


def test_the_same_key_is_the_same_order(api: httpx.Client, trader: str, price: float) -> None:
    key = {"Idempotency-Key": f"once-{trader}"}
    one = body(trader, price=str(int(price * 0.7)))
    first, second = (api.post("/trading/orders", json=one, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = api.post("/trading/orders", json={**one, "amount": "0.02"}, headers=key)
    assert other.status_code == 422
    api.post(f"/trading/{trader}/{CONNECTOR}/orders/cancel-all")


def test_cancel_all_of_a_pair(api: httpx.Client, trader: str, price: float) -> None:
    away = str(int(price * 0.75))
    placed = {api.post("/trading/orders", json=body(trader, price=away)).json()["order_id"] for _ in range(3)}

    def all_open() -> bool:
        found = api.post("/trading/orders/active", json={"account_names": [trader]}).json()["data"]
        return placed <= {each["order_id"] for each in found if each["status"] == "OPEN"}

    eventually(all_open, "the orders are open", 30)
    nothing = api.post(f"/trading/{trader}/{CONNECTOR}/orders/cancel-all", params={"trading_pair": "ETH-USDT"})
    assert (nothing.status_code, nothing.json()["order_ids"]) == (200, [])
    cancelled = api.post(f"/trading/{trader}/{CONNECTOR}/orders/cancel-all", params={"trading_pair": PAIR})
    assert placed <= set(cancelled.json()["order_ids"])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"price": ...}, "price"),
        ({"price": None, "order_type": "LIMIT_MAKER"}, "price"),
        ({"trading_pair": "NO-PAIR"}, "NO-PAIR"),
        ({"amount": "0.00000001"}, ""),
        ({"amount": "0.00001", "price": "1"}, ""),
    ],
)
def test_orders_that_are_refused(api: httpx.Client, trader: str, changes: dict[str, Any], named: str) -> None:
    response = api.post("/trading/orders", json=body(trader, **changes))
    assert response.status_code == 400, response.text
    assert isinstance(response.json()["detail"], str)
    assert named.lower() in response.json()["detail"].lower()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": "NaN"},
        {"amount": ...},
        {"trade_type": "HOLD"},
        {"order_type": "STOP"},
        {"position_action": "NIL"},
        {"price": "cheap"},
        {"account_name": ...},
    ],
)
def test_orders_that_do_not_fit(api: httpx.Client, changes: dict[str, Any]) -> None:
    response = api.post("/trading/orders", json=body("master_account", **changes))
    assert response.status_code == 422, response.text
    check(response.json(), VALIDATION)


@pytest.mark.parametrize("unknown", ["no_such_account", "two words", "a.b", "*"])
def test_unknown_accounts(api: httpx.Client, unknown: str) -> None:
    placed = api.post("/trading/orders", json=body(unknown))
    assert (placed.status_code, placed.json()["detail"]) == (404, f"Account '{unknown}' not found")
    cancelled = api.post(f"/trading/{unknown}/{CONNECTOR}/orders/x/cancel")
    assert cancelled.status_code == 404


def test_an_unknown_connector_is_no_server_error(api: httpx.Client, account: str) -> None:
    for connector in ("no_such_exchange", "two words"):
        response = api.post("/trading/orders", json=body(account, connector_name=connector))
        assert response.status_code in {400, 404}
        assert isinstance(response.json()["detail"], str)


def test_an_account_without_a_credential(api: httpx.Client, account: str) -> None:
    response = api.post("/trading/orders", json=body(account))
    assert response.status_code in {400, 404}
    assert CONNECTOR in response.json()["detail"]


def test_an_order_right_after_the_credential(api: httpx.Client, account: str, target: Target) -> None:
    if target.api_key is None:
        pytest.skip("no key of the sandbox exchange")
    values = {"binance_api_key": target.api_key, "binance_api_secret": target.api_secret}
    assert api.post(f"/accounts/add-credential/{account}/{CONNECTOR}", json=values).status_code == 201

    def placed() -> bool:
        response = api.post("/trading/orders", json=body(account, order_type="MARKET", price=..., amount="0.001"))
        assert response.status_code in {201, 503}, response.text
        assert response.status_code == 201 or int(response.headers["retry-after"]) > 0
        return response.status_code == 201

    eventually(placed, "the new session takes an order", 60)


def test_an_unknown_order(api: httpx.Client, trader: str) -> None:
    response = api.post(f"/trading/{trader}/{CONNECTOR}/orders/no-such-order/cancel")
    assert (response.status_code, response.json()["detail"]) == (404, "Order 'no-such-order' not found in active orders")
