"""The official client, both forms, unchanged."""

from __future__ import annotations

import aiohttp
import pytest
from hummingbot_api_client import HummingbotAPIClient, SyncHummingbotAPIClient

from tests.conformance.conftest import CONNECTOR, PAIR, Target
from tests.conformance.shapes import PLACED, STATE, check


async def test_asynchronous_client(target: Target, trader: str) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        assert "master_account" in await client.accounts.list_accounts()
        assert await client.accounts.list_account_credentials(trader) == [CONNECTOR]
        assert CONNECTOR in await client.connectors.list_connectors()
        assert await client.connectors.get_config_map(CONNECTOR)
        assert PAIR in await client.connectors.get_trading_rules(CONNECTOR, [PAIR])
        check(await client.portfolio.get_state(refresh=True), STATE)
        assert await client.portfolio.get_total_value(trader) > 0
        assert (await client.portfolio.get_history())["pagination"]["limit"] == 100
        assert (await client.portfolio.get_distribution([trader]))["token_count"] >= 2
        check(await client.trading.place_order(trader, CONNECTOR, PAIR, "BUY", 0.001), PLACED)
        for page in (client.trading.search_orders, client.trading.get_active_orders, client.trading.get_trades):
            assert (await page([trader]))["pagination"]["limit"] == 50


async def test_errors_carry_the_detail(target: Target) -> None:
    async with HummingbotAPIClient(target.url, target.username, target.password) as client:
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await client.accounts.list_account_credentials("no_such_account")
        assert refused.value.status == 404
        assert "no_such_account" in refused.value.message
    async with HummingbotAPIClient(target.url, target.username, "wrong") as client:
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await client.accounts.list_accounts()
        assert (refused.value.status, refused.value.message) == (401, "Incorrect username or password")


def test_synchronous_client(target: Target) -> None:
    with SyncHummingbotAPIClient(target.url, target.username, target.password) as client:
        assert "master_account" in client.accounts.list_accounts()
        check(client.portfolio.get_state(), STATE)
