"""/portfolio (contract 8.4)."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.conformance.conftest import CONNECTOR
from tests.conformance.shapes import ACCOUNTS_DISTRIBUTION, DISTRIBUTION, HISTORY, STATE, VALIDATION, check

FILTERS = [{}, {"account_names": ["no_such_account"]}, {"account_names": ["a", "b"], "connector_names": [CONNECTOR]}]


@pytest.mark.parametrize("body", [*FILTERS, {"refresh": True, "skip_gateway": True}, {"stray": 1}])
def test_state(api: httpx.Client, body: dict[str, object]) -> None:
    response = api.post("/portfolio/state", json=body)
    assert response.status_code == 200
    check(response.json(), STATE)


def test_state_of_one_connector_does_not_forget_the_others(api: httpx.Client, trader: str) -> None:
    all_of_it = api.post("/portfolio/state", json={}).json()
    assert api.post("/portfolio/state", json={"connector_names": ["kucoin"]}).json().get(trader, {}) == {}
    assert CONNECTOR in all_of_it[trader]
    assert set(api.post("/portfolio/state", json={}).json()[trader]) == set(all_of_it[trader])


def test_balances(api: httpx.Client, trader: str) -> None:
    state = api.post("/portfolio/state", json={"account_names": [trader], "refresh": True}).json()
    assert set(state) == {trader}
    tokens = {token["token"]: token for token in state[trader][CONNECTOR]}
    assert tokens["USDT"]["price"] == 1
    for token in tokens.values():
        assert token["units"] > 0
        assert token["value"] == pytest.approx(token["units"] * token["price"])
        assert token["available_units"] <= token["units"]


@pytest.mark.parametrize("body", FILTERS)
def test_distribution(api: httpx.Client, body: dict[str, object]) -> None:
    response = api.post("/portfolio/distribution", json=body)
    assert response.status_code == 200
    check(response.json(), DISTRIBUTION)


def test_distribution_of_several_accounts(api: httpx.Client, trader: str) -> None:
    answer = api.post("/portfolio/distribution", json={"account_names": [trader, "master_account"]}).json()
    assert answer["token_count"] == len(answer["distribution"]) >= 2
    assert sum(token["percentage"] for token in answer["distribution"]) == pytest.approx(100, abs=0.01)
    values = [token["total_value"] for token in answer["distribution"]]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(answer["total_portfolio_value"])


def test_accounts_distribution(api: httpx.Client, trader: str) -> None:
    response = api.get("/portfolio/accounts-distribution")
    assert response.status_code == 200
    check(response.json(), ACCOUNTS_DISTRIBUTION)
    assert trader in {each["account"] for each in response.json()["distribution"]}


@pytest.mark.parametrize(
    "body", [{}, {"interval": "1d"}, {"interval": None}, {"limit": 1, "start_time": 0, "end_time": int(time.time() * 1000)}]
)
def test_history(api: httpx.Client, body: dict[str, object]) -> None:
    response = api.post("/portfolio/history", json=body)
    assert response.status_code == 200
    check(response.json(), HISTORY)
    times = [each["timestamp"] for each in response.json()["data"]]
    assert times == sorted(times, reverse=True)


def test_history_that_does_not_fit(api: httpx.Client) -> None:
    response = api.post("/portfolio/history", json={"interval": "2m"})
    assert response.status_code == 422
    check(response.json(), VALIDATION)
    assert api.post("/portfolio/history", json={"cursor": "not a cursor"}).status_code == 400
