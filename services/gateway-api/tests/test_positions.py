"""/trading: positions, their mode and leverage, against services in memory."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from contracts.accounts import AccountUnknown
from contracts.trading import GetPositions, PositionMode, SetLeverage, SetPositionMode, SettingRefused
from contracts.trading.reconciliation import DifferenceStatus, GetReconciliation
from fake_services import PAGE, FakeServices, session_subject

MODE, LEVERAGE = "/trading/master_account/binance/position-mode", "/trading/master_account/binance/leverage"


async def test_a_page_of_positions(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/trading/positions", json={"limit": 3, "account_names": ["a"], "connector_names": []})
    assert (response.status_code, response.json()) == (200, PAGE)
    assert "x-last-known" not in response.headers
    assert services.last.message == GetPositions(limit=3, account_names=("a",))


async def test_sessions_that_did_not_answer_are_named(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["GetPositions"] = {"page": PAGE, "last_known": ["a.binance_perpetual", "b.binance_perpetual"]}
    response = await http.post("/trading/positions", json={})
    assert (response.status_code, response.json()) == (200, PAGE)
    assert response.headers["x-last-known"] == "a.binance_perpetual,b.binance_perpetual"


@pytest.mark.parametrize("written", ["HEDGE", "hedge", "Hedge"])
async def test_set_position_mode(http: httpx.AsyncClient, services: FakeServices, written: str) -> None:
    response = await http.post(MODE, json={"position_mode": written})
    assert response.status_code == 200
    assert response.json() == {"status": "success", "message": "Position mode set to HEDGE on binance"}
    assert services.last.subject == session_subject(SetPositionMode)
    assert services.last.message == SetPositionMode(
        account="master_account", connector="binance", position_mode=PositionMode.HEDGE
    )


async def test_set_leverage(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post(LEVERAGE, json={"trading_pair": "BTC-USDT", "leverage": 10})
    assert response.status_code == 200
    assert response.json() == {"status": "success", "message": "Leverage for BTC-USDT set to 10 on binance"}
    assert services.last.subject == session_subject(SetLeverage)
    assert services.last.message == SetLeverage(
        account="master_account", connector="binance", trading_pair="BTC-USDT", leverage=10
    )


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (MODE, {"position_mode": "BOTH"}, 400),
        (MODE, {}, 422),
        (LEVERAGE, {"trading_pair": "BTC-USDT", "leverage": 126}, 422),
        (LEVERAGE, {"trading_pair": "BTC-USDT", "leverage": 0}, 422),
        (LEVERAGE, {"trading_pair": "BTC-USDT", "leverage": "10"}, 422),
        (LEVERAGE, {"leverage": 10}, 422),
    ],
)
async def test_wrong_settings_are_not_sent(
    http: httpx.AsyncClient, services: FakeServices, path: str, body: dict[str, Any], status: int
) -> None:
    response = await http.post(path, json=body)
    assert response.status_code == status, response.text
    assert services.sent == []


async def test_the_exchanges_reason_is_told(http: httpx.AsyncClient, services: FakeServices) -> None:
    reason = "Position side cannot be changed if there exists position. (-4068)"
    services.answers["SetPositionMode"] = SettingRefused(reason, field="position_mode")
    response = await http.post(MODE, json={"position_mode": "HEDGE"})
    assert (response.status_code, response.json()["detail"]) == (400, reason)


async def test_the_same_key_is_carried_out_once(http: httpx.AsyncClient, services: FakeServices) -> None:
    key = {"Idempotency-Key": "lever-1"}
    first, second = [
        await http.post(LEVERAGE, json={"trading_pair": "BTC-USDT", "leverage": 10}, headers=key) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert len({sent.metadata.message_id for sent in services.of(SetLeverage)}) == 1


async def test_the_position_mode_is_the_sessions(http: httpx.AsyncClient, services: FakeServices) -> None:
    path = "/trading/master_account/binance_perpetual/position-mode"
    found = {"position_mode": "ONEWAY", "connector": "binance_perpetual", "account": "master_account"}
    assert (await http.get(path)).json() == found
    services.answers["ReadPositionMode"] = {"position_mode": None}
    assert (await http.get(path)).json() == {**found, "position_mode": "UNKNOWN"}
    services.nobody_serves("ReadPositionMode")
    assert (await http.get(path)).json() == {**found, "position_mode": "UNKNOWN"}
    assert (await http.get(MODE)).status_code == 400
    services.answers["GetSession"] = services.answers["ListCredentials"] = AccountUnknown("Account 'x' not found")
    assert (await http.get(path)).status_code == 404


async def test_differences_are_filtered(http: httpx.AsyncClient, services: FakeServices) -> None:
    asked = {"account_names": ["a", "b"], "status": "OPEN", "limit": 5, "trading_pairs": "BTC-USDT"}
    response = await http.get("/trading/reconciliation", params=asked)
    assert (response.status_code, response.json()) == (200, services.answers["GetReconciliation"])
    assert services.last.message == GetReconciliation(
        limit=5, account_names=("a", "b"), trading_pairs=("BTC-USDT",), status=DifferenceStatus.OPEN
    )


@pytest.mark.parametrize("asked", [{"status": "GUESSED"}, {"limit": 0}, {"limit": 1001}, {"cursor": "x" * 4097}])
async def test_wrong_filters_of_differences(http: httpx.AsyncClient, services: FakeServices, asked: dict[str, Any]) -> None:
    response = await http.get("/trading/reconciliation", params=asked)
    assert response.status_code == 422
    assert services.sent == []
