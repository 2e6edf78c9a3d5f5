"""The official client, unchanged, against the gateway on a real port."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from contracts.accounts import AccountExists
from contracts.trading import OrderUnknown, PlaceOrder
from fake_services import ANSWERS, ORDER, FakeServices
from gateway_api.adapters.web_server import Listening, WebServer
from hummingbot_api_client import HummingbotAPIClient
from starlette.types import ASGIApp


@pytest.fixture
async def url(served: ASGIApp) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = WebServer(served, Listening("127.0.0.1", port))
    await server.start()
    assert server.trouble() is None
    yield f"http://127.0.0.1:{port}"
    await server.stop()
    assert server.trouble() == "the web server has stopped"


@pytest.fixture
async def client(url: str, services: FakeServices) -> AsyncIterator[HummingbotAPIClient]:
    client = HummingbotAPIClient(url, "trader", "correct horse")
    await client.init()
    yield client
    await client.close()


async def test_accounts(client: HummingbotAPIClient) -> None:
    assert await client.accounts.list_accounts() == ["master_account"]
    assert await client.accounts.add_account("a") == {"message": "Account added successfully."}
    assert await client.accounts.list_account_credentials("a") == ["binance"]
    added = await client.accounts.add_credential("a", "binance", {"binance_api_key": "k", "binance_api_secret": "s"})
    assert added == {"message": "Connector credentials added successfully."}
    assert await client.accounts.delete_credential("a", "binance") == {"message": "Credential deleted successfully."}
    assert await client.accounts.delete_account("a") == {"message": "Account deleted successfully."}


async def test_connectors(client: HummingbotAPIClient) -> None:
    assert await client.connectors.list_connectors() == ["binance", "binance_perpetual"]
    assert await client.connectors.get_config_map("binance") == ANSWERS["GetConfigMap"]
    assert await client.connectors.get_trading_rules("binance", ["BTC-USDT"]) == ANSWERS["GetTradingRules"]
    assert await client.connectors.get_supported_order_types("binance") == ANSWERS["GetOrderTypes"]


async def test_portfolio(client: HummingbotAPIClient) -> None:
    assert await client.portfolio.get_state(refresh=True, skip_gateway=True) == ANSWERS["GetPortfolioState"]
    assert await client.portfolio.get_total_value() == 60000.0
    assert (
        await client.portfolio.get_history(limit=5, interval="1h", start_time=1_700_000_000) == ANSWERS["GetPortfolioHistory"]
    )
    assert await client.portfolio.get_distribution(["master_account"]) == ANSWERS["GetPortfolioDistribution"]
    assert await client.portfolio.get_accounts_distribution() == ANSWERS["GetAccountsDistribution"]
    assert (await client.portfolio.get_portfolio_summary())["account_count"] == 1
    assert (await client.portfolio.get_token_holdings("BTC"))["total_units"] == 1.0


async def test_trading(client: HummingbotAPIClient, services: FakeServices) -> None:
    placed = await client.trading.place_order("master_account", "binance", "BTC-USDT", "BUY", 0.1, "LIMIT", 60000.1)
    assert placed == ORDER
    command = services.of(PlaceOrder)[0].message
    assert isinstance(command, PlaceOrder)
    assert (str(command.amount), str(command.price)) == ("0.1", "60000.1")
    cancelled = await client.trading.cancel_order("master_account", "binance", "o-1")
    assert cancelled == {"message": "Order cancellation initiated for o-1"}
    page = ANSWERS["SearchOrders"]
    assert await client.trading.get_active_orders(["master_account"], ["binance"], ["BTC-USDT"], 10) == page
    assert await client.trading.search_orders(status="FILLED", start_time=1_700_000_000, limit=10) == page
    assert await client.trading.get_trades(trade_types=["BUY"], end_time=1_700_000_000_000) == page


async def test_errors_arrive_as_the_details(client: HummingbotAPIClient, services: FakeServices) -> None:
    services.answers["CreateAccount"] = AccountExists("Account already exists.")
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        await client.accounts.add_account("a")
    assert (refused.value.status, refused.value.message) == (400, "Account already exists.")
    services.answers["CancelOrder"] = OrderUnknown("Order 'x' not found in active orders")
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        await client.trading.cancel_order("master_account", "binance", "x")
    assert (refused.value.status, refused.value.message) == (404, "Order 'x' not found in active orders")
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        await client.trading.place_order("master_account", "binance", "BTC-USDT", "BUY", -1)
    assert refused.value.status == 422
    details: Any = refused.value.message
    assert details[0]["loc"] == ["body", "amount"]


async def test_wrong_password(url: str, services: FakeServices) -> None:
    async with HummingbotAPIClient(url, "trader", "wrong") as client:
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await client.accounts.list_accounts()
    assert (refused.value.status, refused.value.message) == (401, "Incorrect username or password")
