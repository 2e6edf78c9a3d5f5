"""/market-data/tickers, /market-data/rates and /rate-oracle: what is asked of whom, and in which source and token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from contracts.rates import ConfigureRates, GetRate, GetTickers, ListRatePrices, RateUnknown, ResolveRates
from fake_services import ANSWERS, FakeServices

CHOSEN = {**ANSWERS["GetRateSettings"], "source": "kucoin", "quote_token": "EUR"}


@pytest.mark.parametrize(
    ("method", "path", "body", "query"),
    [
        ("GET", "/market-data/tickers", None, GetTickers()),
        (
            "GET",
            "/market-data/tickers?connectors=binance,%20kucoin&refresh=true&max_age=60",
            None,
            GetTickers(connectors=("binance", "kucoin"), refresh=True, max_age=60),
        ),
        ("POST", "/market-data/rates", {"trading_pairs": ["BTC"]}, ResolveRates(trading_pairs=("BTC",), quote_token="EUR")),
        (
            "POST",
            "/market-data/rates",
            {"trading_pairs": ["BTC-USDT"], "connector": "binance"},
            ResolveRates(trading_pairs=("BTC-USDT",), connector="binance", quote_token="EUR"),
        ),
        (
            "POST",
            "/rate-oracle/rates",
            {"trading_pairs": ["BTC-USDT"]},
            ResolveRates(trading_pairs=("BTC-USDT",), connector="kucoin", quote_token="EUR"),
        ),
        ("GET", "/rate-oracle/rate/BTC-USDT", None, GetRate(trading_pair="BTC-USDT", source="kucoin", quote_token="EUR")),
        (
            "GET",
            "/rate-oracle/rate-async/BTC-USDT",
            None,
            GetRate(trading_pair="BTC-USDT", source="kucoin", quote_token="EUR", refresh=True),
        ),
        ("GET", "/rate-oracle/prices", None, ListRatePrices(source="kucoin", quote_token="EUR")),
    ],
)
async def test_the_chosen_source_and_token_are_asked(
    http: httpx.AsyncClient, services: FakeServices, method: str, path: str, body: Any, query: Any
) -> None:
    services.answers["GetRateSettings"] = CHOSEN
    response = await http.request(method, path, json=body)
    assert response.status_code == 200, response.text
    assert services.last.message == query
    assert response.json() == ANSWERS[type(query).__name__]


async def test_the_configuration_is_told_and_changed(http: httpx.AsyncClient, services: FakeServices) -> None:
    config = (await http.get("/rate-oracle/config")).json()
    assert config == {
        "rate_oracle_source": {"name": "binance"},
        "global_token": {"global_token_name": "USDT", "global_token_symbol": "$"},
        "available_sources": ["binance", "kucoin"],
    }
    wanted = {"rate_oracle_source": {"name": "kucoin"}, "global_token": {"global_token_name": "EUR"}}
    changed = await http.put("/rate-oracle/config", json=wanted)
    assert services.last.message == ConfigureRates(source="kucoin", quote_token="EUR")
    assert changed.json() == {
        "success": True,
        "message": "Rate oracle source set to kucoin; Global token set to EUR",
        "config": {
            "rate_oracle_source": {"name": "kucoin"},
            "global_token": {"global_token_name": "EUR", "global_token_symbol": "$"},
        },
    }
    services.answers["ConfigureRates"] = {**ANSWERS["ConfigureRates"], "changed": []}
    assert (await http.put("/rate-oracle/config", json={})).json()["message"] == "No changes made"


async def test_what_is_refused_says_why(http: httpx.AsyncClient, services: FakeServices) -> None:
    unknown = await http.put("/rate-oracle/config", json={"rate_oracle_source": {"name": "nowhere"}})
    assert (unknown.status_code, unknown.json()["detail"]) == (
        400,
        "There is no source of rates 'nowhere'; those there are: binance, kucoin",
    )
    token = await http.put("/rate-oracle/config", json={"global_token": {"global_token_name": "a-b"}})
    assert token.status_code == 422
    services.answers["GetRate"] = RateUnknown("No rate of NO-USDT from binance: no known pair trades NO")
    missing = await http.get("/rate-oracle/rate/NO-USDT")
    assert (missing.status_code, missing.json()["code"]) == (404, "RateUnknown")
    assert "NO-USDT" in missing.json()["detail"]
