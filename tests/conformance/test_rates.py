"""/market-data/tickers and /rates with the official client, /rate-oracle as older clients call it (contract 8.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hummingbot_api_client import HummingbotAPIClient

from tests.conformance.conftest import PAIR, Target
from tests.conformance.shapes import Each, Nothing, check, number

TICKER = {"price": number, "base_volume": (number, Nothing), "quote_volume": (number, Nothing), "timestamp": number}
TICKERS = {"tickers": Each(Each(TICKER)), "counts": Each(int), "updated_at": Each(number), "errors": Each(str)}
RATES = {
    "connector": (str, Nothing),
    "source": (str, Nothing),
    "quote_token": str,
    "rates": Each((number, Nothing)),
    "missing": Each(str),
}
RATE = {"trading_pair": str, "rate": number, "source": str, "quote_token": str}
CONFIG = {"rate_oracle_source": {"name": str}, "global_token": {"global_token_name": str, "global_token_symbol": str}}


@pytest.fixture
def config(api: httpx.Client) -> Iterator[dict[str, Any]]:
    """The present choice, which holds again at the end."""
    before = api.get("/rate-oracle/config").json()
    yield before
    chosen = {name: before[name] for name in CONFIG}
    assert api.put("/rate-oracle/config", json=chosen).status_code == 200


async def test_tickers_and_rates_with_the_official_client(target: Target) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        tickers = await client.market_data.get_tickers(["binance", "okx"], refresh=True)
        check(tickers, TICKERS)
        assert tickers["tickers"]["binance"][PAIR]["quote_volume"] > 0
        assert "sandbox mode" in tickers["errors"]["okx"] or "no source" in tickers["errors"]["okx"]
        check(await client.market_data.get_tickers(max_age=3600), TICKERS)
        rates = await client.market_data.get_rates([PAIR, "USDT-BTC", "ETH-BTC", "NO-USDT"])
        check(rates, RATES)
        assert rates["rates"][PAIR] * rates["rates"]["USDT-BTC"] == pytest.approx(1)
        assert rates["rates"]["NO-USDT"] is None
        assert "NO" in rates["missing"]["NO-USDT"]
        check(await client.market_data.get_rates(PAIR, "binance_perpetual"), RATES)


def test_rate_oracle(api: httpx.Client, config: dict[str, Any]) -> None:
    check(config, {**CONFIG, "available_sources": [str]})
    assert api.get("/rate-oracle/sources").json() == config["available_sources"]
    rates = api.post("/rate-oracle/rates", json={"trading_pairs": [PAIR, "NO-USDT"]}).json()
    check(rates, RATES)
    assert rates["rates"]["NO-USDT"] is None
    for route in ("rate", "rate-async"):
        check(api.get(f"/rate-oracle/{route}/{PAIR}").json(), RATE)
        missing = api.get(f"/rate-oracle/{route}/NO-USDT")
        assert missing.status_code == 404
        assert "NO-USDT" in missing.json()["detail"]
    prices = api.get("/rate-oracle/prices").json()
    check(prices, {"source": str, "quote_token": str, "prices_count": int, "prices": Each(number)})
    assert prices["prices_count"] == len(prices["prices"]) > 1


def test_the_choice_of_source_and_token_holds(api: httpx.Client, config: dict[str, Any]) -> None:
    wanted = {"rate_oracle_source": {"name": "binance_perpetual"}, "global_token": {"global_token_name": "BTC"}}
    changed = api.put("/rate-oracle/config", json=wanted)
    check(changed.json(), {"success": bool, "message": str, "config": CONFIG})
    now = api.get("/rate-oracle/config").json()
    assert now["global_token"]["global_token_symbol"] == config["global_token"]["global_token_symbol"]
    one = api.get("/rate-oracle/rate/USDT").json()
    assert (one["source"], one["quote_token"]) == ("binance_perpetual", "BTC")
    assert 0 < one["rate"] < 0.01
    assert api.put("/rate-oracle/config", json=wanted).json()["message"] == "No changes made"
    unknown = api.put("/rate-oracle/config", json={"rate_oracle_source": {"name": "nowhere"}})
    assert (unknown.status_code, "those there are" in unknown.json()["detail"]) == (400, True)
    elsewhere = api.put("/rate-oracle/config", json={"rate_oracle_source": {"name": "kucoin"}})
    assert elsewhere.status_code == 200
    closed = api.get(f"/rate-oracle/rate/{PAIR}")
    assert (closed.status_code, "sandbox mode" in closed.json()["detail"]) == (503, True)
