"""The routes of the risk guard."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest
from contracts.trading import FlattenAccount, GetRiskLimits, RiskLimitExceeded, RiskLimits, SetRiskLimits
from fake_services import FLATTENED, FakeServices

PATH = "/trading/master_account/risk-limits"


async def test_limits_are_read(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.get(PATH)
    assert response.status_code == 200
    assert services.last.message == GetRiskLimits(account="master_account")


async def test_limits_are_set_with_every_digit(http: httpx.AsyncClient, services: FakeServices) -> None:
    body = {"max_order_notional": "5000.000000000000000001", "max_open_orders": 3, "reduce_only": True}
    response = await http.put(PATH, params={"actor": "token:t1"}, json=body)
    assert response.status_code == 200
    limits = RiskLimits(max_order_notional=Decimal("5000.000000000000000001"), max_open_orders=3, reduce_only=True)
    assert services.last.message == SetRiskLimits(account="master_account", actor="token:t1", limits=limits)


@pytest.mark.parametrize(
    "body",
    [
        {"max_order_notional": 0},
        {"max_open_orders": 0},
        {"max_open_orders": "3"},
        {"max_daily_loss": "-1"},
        {"reduce_only": 1},
        {"max_order_notionl": 5000},
        [],
    ],
)
async def test_what_is_no_limit_is_refused(http: httpx.AsyncClient, services: FakeServices, body: object) -> None:
    response = await http.put(PATH, json=body)
    assert response.status_code == 422
    assert services.sent == []


async def test_a_refusal_of_the_guard_is_forbidden(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["PlaceOrder"] = RiskLimitExceeded("a notional of 6 USD is above max_order_notional 5", field="amount")
    order = {"account_name": "master_account", "connector_name": "binance", "trading_pair": "BTC-USDT", "trade_type": "BUY"}
    response = await http.post("/trading/orders", json={**order, "amount": "0.1", "price": "60"})
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (403, "RiskLimitExceeded", "amount")


async def test_flattening_tells_what_stays(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post(
        "/trading/master_account/flatten", params={"connector_name": "binance", "trading_pair": "BTC-USDT"}
    )
    assert (response.status_code, response.json()) == (200, FLATTENED)
    assert services.last.message == FlattenAccount(account="master_account", connector="binance", trading_pair="BTC-USDT")
    assert services.last.timeout > 100


async def test_flattening_what_no_session_can_have(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/trading/master_account/flatten", params={"connector_name": "bin.ance"})
    assert (response.status_code, response.json()["code"]) == (404, "CredentialUnknown")
    assert services.sent == []
