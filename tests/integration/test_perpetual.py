"""Perpetual orders through a whole stack, with the official client: opened, reduced, and refused as the exchange has it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hummingbot_api_client import SyncHummingbotAPIClient

from tests.stack import PASSWORD, USERNAME, Stack, eventually

ACCOUNT, CONNECTOR, PAIR = "master_account", "binance_perpetual", "BTC-USDT"

pytestmark = pytest.mark.timeout(600)


def futures(stack: Stack, api_key: str) -> dict[str, Any]:
    """The exchange's own ledger of the account's futures."""
    return dict(json.loads(stack.run("sandbox", "ledger", api_key))["futures"])


class Trader:
    """The account on the official client; every wait has the stack's deadline."""

    def __init__(self, client: SyncHummingbotAPIClient) -> None:
        self._client = client

    def wallet(self) -> dict[str, Any]:
        def balances() -> Any:
            return self._client.portfolio.get_state(refresh=True).get(ACCOUNT, {}).get(CONNECTOR)

        (held,) = eventually(balances, "the balance arrives")
        return dict(held)

    def order(self, status: str, **order: Any) -> str:
        """Take the market with 0.1; the order's id once it has the status."""

        def place() -> Any:
            try:
                return self._client.trading.place_order(ACCOUNT, CONNECTOR, PAIR, amount=0.1, **order)
            except httpx.HTTPStatusError as refused:
                assert refused.response.status_code == 503, refused.response.text  # noqa: PT017 - only "not yet" is fine
                return None

        order_id = eventually(place, "an order is accepted")["order_id"]

        def found() -> bool:
            page = self._client.trading.search_orders(status=status, limit=1000)["data"]
            return any(each["order_id"] == order_id for each in page)

        eventually(found, f"{order} is {status}")
        return str(order_id)


def test_a_position_is_opened_and_closed(stack: Stack) -> None:
    keys = stack.sandbox_account()
    credential = {f"binance_perpetual_{name}": keys[name] for name in ("api_key", "api_secret")}
    with SyncHummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        client.accounts.add_credential(ACCOUNT, CONNECTOR, credential)
        trader = Trader(client)
        held = trader.wallet()
        assert (held["token"], held["units"]) == ("USDT", 100_000)
        opened = trader.order("FILLED", trade_type="BUY")
        closed = trader.order("FILLED", trade_type="SELL", position_action="CLOSE")
        trader.order("FAILED", trade_type="SELL", position_action="CLOSE")
        books = futures(stack, keys["api_key"])
        assert books["positions"] == []
        assert [row["clientOrderId"] for row in books["orders"]] == [opened, closed]
        trades = client.trading.get_trades(connector_names=[CONNECTOR])["data"]
        fees = [Decimal(trade["commission"]) for trade in books["trades"]]
        assert sum(Decimal(str(trade["fee_paid"])) for trade in trades) == sum(fees)
        assert {trade["fee_currency"] for trade in trades} == {"USDT"}
        assert Decimal(str(trader.wallet()["units"])) == Decimal(books["wallet"])
