"""/connectors (contract 8.3)."""

from __future__ import annotations

import httpx
import pytest

from tests.conformance.conftest import CONNECTOR, PAIR
from tests.conformance.shapes import CONFIG_MAP, TRADING_RULES, check, name


def test_connectors_are_listed(api: httpx.Client) -> None:
    response = api.get("/connectors/")
    assert response.status_code == 200
    check(response.json(), [name])
    assert {"binance", "binance_perpetual", "kucoin", "okx", "hyperliquid_perpetual"} <= set(response.json())
    assert len(response.json()) == len(set(response.json()))


def test_config_map_of_every_connector(api: httpx.Client) -> None:
    for connector in api.get("/connectors/").json():
        response = api.get(f"/connectors/{connector}/config-map")
        assert response.status_code == 200, connector
        check(response.json(), CONFIG_MAP)
        assert "connector" not in response.json()


def test_config_map_of_binance(api: httpx.Client) -> None:
    fields = api.get(f"/connectors/{CONNECTOR}/config-map").json()
    assert fields == {
        "binance_api_key": {"type": "SecretStr", "required": True},
        "binance_api_secret": {"type": "SecretStr", "required": True},
    }


def test_trading_rules(api: httpx.Client) -> None:
    response = api.get(f"/connectors/{CONNECTOR}/trading-rules")
    assert response.status_code == 200
    check(response.json(), TRADING_RULES)
    assert PAIR in response.json()
    some = api.get(f"/connectors/{CONNECTOR}/trading-rules", params=[("trading_pairs", PAIR), ("trading_pairs", "NO-PAIR")])
    assert some.status_code == 200
    assert some.json() == {PAIR: response.json()[PAIR], "NO-PAIR": {"error": "Trading pair NO-PAIR not found"}}


def test_order_types(api: httpx.Client) -> None:
    response = api.get(f"/connectors/{CONNECTOR}/order-types")
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"connector", "supported_order_types"}
    assert answer["connector"] == CONNECTOR
    assert set(answer["supported_order_types"]) == {"LIMIT", "LIMIT_MAKER", "MARKET"}


@pytest.mark.parametrize("route", ["config-map", "trading-rules", "order-types"])
@pytest.mark.parametrize("connector", ["no_such_exchange", "two words", "dot.ted"])
def test_unknown_connectors(api: httpx.Client, route: str, connector: str) -> None:
    response = api.get(f"/connectors/{connector}/{route}")
    assert response.status_code == 404
    assert isinstance(response.json()["detail"], str)
