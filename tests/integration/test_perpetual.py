"""Perpetual orders through a whole stack, with the official client: opened, reduced, and refused as the exchange has it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import aiohttp
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
            except aiohttp.ClientResponseError as refused:
                assert refused.status == 503, refused.message  # noqa: PT017 - only "not yet" is fine
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


def test_positions_mode_and_leverage(stack: Stack) -> None:
    keys = stack.sandbox_account()
    credential = {f"binance_perpetual_{name}": keys[name] for name in ("api_key", "api_secret")}
    account = "hedger"
    with SyncHummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        client.accounts.add_account(account)
        client.accounts.add_credential(account, CONNECTOR, credential)
        settings = client.trading

        def mode() -> str:
            return str(settings.get_position_mode(account, CONNECTOR)["position_mode"])

        def held() -> dict[str, dict[str, Any]]:
            page = settings.get_positions(account_names=[account])
            return {row["side"]: row for row in page["data"]}

        eventually(lambda: mode() == "ONEWAY", "the session tells its mode")
        assert settings.set_position_mode(account, CONNECTOR, "hedge")["status"] == "success"
        assert mode() == futures(stack, keys["api_key"])["position_mode"] == "HEDGE"
        settings.set_leverage(account, CONNECTOR, PAIR, 5)
        for side in ("BUY", "SELL"):
            settings.place_order(account, CONNECTOR, PAIR, side, 0.1)
        eventually(lambda: set(held()) == {"LONG", "SHORT"}, "both sides are open")
        long, short = held()["LONG"], held()["SHORT"]
        assert (long["amount"], short["amount"], long["leverage"]) == (0.1, -0.1, 5)
        rows = {row["position_side"]: row for row in futures(stack, keys["api_key"])["positions"]}
        assert long["entry_price"] == pytest.approx(float(rows["LONG"]["entry_price"]))
        first = settings.get_positions(account_names=[account], limit=1)
        second = settings.get_positions(account_names=[account], limit=1, cursor=first["pagination"]["next_cursor"])
        assert [page["data"][0]["side"] for page in (first, second)] == ["LONG", "SHORT"]
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            settings.set_position_mode(account, CONNECTOR, "ONEWAY")
        assert (refused.value.status, "-4068" in refused.value.message) == (400, True)
        with pytest.raises(aiohttp.ClientResponseError) as unknown:
            settings.set_leverage("nobody", CONNECTOR, PAIR, 5)
        assert unknown.value.status == 404
