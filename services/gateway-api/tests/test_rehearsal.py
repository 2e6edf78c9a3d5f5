"""`dry_run=true`: other commands go out than those that are meant."""

from __future__ import annotations

import httpx
import pytest
from contracts.trading import (
    CreateExecutor,
    FlattenAccount,
    PlaceOrder,
    PositionMode,
    RehearseCancel,
    RehearseOrder,
    RiskLimits,
    SetLeverage,
    SetPositionMode,
    SetRiskLimits,
)
from contracts.trading.executor_rehearsal import RehearseExecutor, RehearseStop
from contracts.trading.setting_rehearsal import (
    RehearseFlatten,
    RehearseLeverage,
    RehearsePositionMode,
    RehearseRiskLimits,
)
from fake_services import FakeServices, session_subject

BODY = {
    "account_name": "master_account",
    "connector_name": "binance",
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "amount": "0.1",
    "price": "60000",
}
BASE = "/trading/master_account/binance/orders"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
async def test_an_order_is_rehearsed(http: httpx.AsyncClient, services: FakeServices, headers: dict[str, str]) -> None:
    response = await http.post("/trading/orders?dry_run=true", json=BODY, headers=headers)
    assert response.status_code == 200
    assert response.json()["dry_run"] is True
    assert services.last.subject == session_subject(RehearseOrder)
    assert isinstance(services.last.message, RehearseOrder)
    assert services.of(PlaceOrder) == []


async def test_cancels_are_rehearsed(http: httpx.AsyncClient, services: FakeServices) -> None:
    for path, asked in (
        (f"{BASE}/o-1/cancel?dry_run=1", {"order_id": "o-1"}),
        (f"{BASE}/cancel-all?dry_run=true&trading_pair=BTC-USDT", {"trading_pair": "BTC-USDT"}),
    ):
        response = await http.post(path)
        assert (response.status_code, response.json()) == (200, {"dry_run": True, "order_ids": ["o-1"]})
        assert services.last.message == RehearseCancel(account="master_account", connector="binance", **asked)
    assert len(services.sent) == 2


async def test_executors_are_rehearsed(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers |= {"RehearseExecutor": {"dry_run": True}, "RehearseStop": {"dry_run": True}}
    config = {"type": "order_executor", "amount": "1"}
    response = await http.post("/executors/?dry_run=true", json={"executor_config": config})
    assert (response.status_code, response.json()) == (200, {"dry_run": True})
    assert services.last.message == RehearseExecutor(executor=CreateExecutor(account="master_account", executor_config=config))
    response = await http.post("/executors/e-1/stop?dry_run=true", json={"keep_position": True})
    assert (response.status_code, response.json()) == (200, {"dry_run": True})
    assert services.last.message == RehearseStop(executor_id="e-1", keep_position=True)
    assert len(services.sent) == 2


async def test_false_means_it(http: httpx.AsyncClient, services: FakeServices) -> None:
    assert (await http.post("/trading/orders?dry_run=false", json=BODY)).status_code == 201
    assert isinstance(services.last.message, PlaceOrder)


async def test_what_is_neither_true_nor_false_is_refused(http: httpx.AsyncClient, services: FakeServices) -> None:
    for path in ("/trading/orders?dry_run=maybe", "/trading/orders?dry_run="):
        response = await http.post(path, json=BODY)
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["query", "dry_run"]
    assert services.sent == []


SETTINGS = "/trading/master_account/binance"


async def test_settings_limits_and_flattening_are_rehearsed(http: httpx.AsyncClient, services: FakeServices) -> None:
    done = {"dry_run": True}
    kinds = ("RehearsePositionMode", "RehearseLeverage", "RehearseRiskLimits", "RehearseFlatten")
    services.answers |= dict.fromkeys(kinds, done)
    session = {"account": "master_account", "connector": "binance"}
    mode = SetPositionMode(**session, position_mode=PositionMode.HEDGE)
    leverage = SetLeverage(**session, trading_pair="BTC-USDT", leverage=5)
    limits = SetRiskLimits(account="master_account", limits=RiskLimits(max_open_orders=3))
    flatten = FlattenAccount(account="master_account", trading_pair="BTC-USDT")
    sent = [
        (await http.post(f"{SETTINGS}/position-mode?dry_run=true", json={"position_mode": "HEDGE"}),
         RehearsePositionMode(setting=mode)),
        (await http.post(f"{SETTINGS}/leverage?dry_run=true", json={"trading_pair": "BTC-USDT", "leverage": 5}),
         RehearseLeverage(setting=leverage)),
        (await http.put("/trading/master_account/risk-limits?dry_run=true", json={"max_open_orders": 3}),
         RehearseRiskLimits(setting=limits)),
        (await http.post("/trading/master_account/flatten?dry_run=true&trading_pair=BTC-USDT"),
         RehearseFlatten(flatten=flatten)),
    ]  # fmt: skip
    assert [(answer.status_code, answer.json()) for answer, _ in sent] == [(200, done)] * 4
    assert [each.message for each in services.sent] == [message for _, message in sent]
