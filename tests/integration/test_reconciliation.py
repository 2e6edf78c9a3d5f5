"""Our executions against the exchange's positions, on a whole stack: what is done behind our back is told for what it is."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hummingbot_api_client import SyncHummingbotAPIClient

from tests.stack import PASSWORD, USERNAME, Stack, eventually, running

CONNECTOR, PAIR = "binance_perpetual", "BTC-USDT"
SETTLE = 3

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack where nothing is on its way for longer than SETTLE seconds."""
    with running(TRADING_SETTLE_SECONDS=str(SETTLE)) as started:
        yield started


class Exchange:
    """The exchange's own door, with the account's keys: what a person does there by hand."""

    def __init__(self, stack: Stack, keys: dict[str, Any]) -> None:
        self._url = f"http://127.0.0.1:{stack.processes()['sandbox-exchange']['port']}/fapi"
        self._keys = keys
        self._stack = stack

    def order(self, side: str, quantity: str) -> None:
        """Take the market."""
        order = {
            "symbol": "BTCUSDT",
            "side": side,
            "type": "MARKET",
            "quantity": quantity,
            "timestamp": int(time.time() * 1000),
        }
        text = urlencode(order)
        signature = hmac.new(self._keys["api_secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self._keys["api_key"]}
        httpx.post(f"{self._url}/v1/order?{text}&signature={signature}", headers=headers).raise_for_status()

    def books(self) -> dict[str, Any]:
        """The exchange's ledger of the account."""
        return dict(json.loads(self._stack.run("sandbox", "ledger", self._keys["api_key"]))["futures"])

    def held(self) -> Decimal:
        """The net position."""
        return sum((Decimal(row["amount"]) for row in self.books()["positions"]), Decimal(0))


class Books:
    """The control plane's side of one account."""

    def __init__(self, http: httpx.Client, account: str) -> None:
        self._http, self._account = http, account

    def connect(self, keys: dict[str, Any]) -> None:
        """Add the account and its credential."""
        self._http.post("/accounts/add-account", params={"account_name": self._account}).raise_for_status()
        credential = {f"binance_perpetual_{name}": keys[name] for name in ("api_key", "api_secret")}
        self._http.post(f"/accounts/add-credential/{self._account}/{CONNECTOR}", json=credential).raise_for_status()

    def order(self, side: str, amount: str) -> None:
        """Take the market as soon as the session takes orders, and wait for the execution."""
        order = {"account_name": self._account, "connector_name": CONNECTOR, "trading_pair": PAIR, "trade_type": side}

        def placed() -> str | None:
            answer = self._http.post("/trading/orders", json={**order, "amount": amount, "order_type": "MARKET"})
            assert answer.status_code in (201, 503), answer.text
            return str(answer.json()["order_id"]) if answer.status_code == 201 else None

        order_id = eventually(placed, "an order is accepted")

        def filled() -> bool:
            page = self._http.post("/trading/orders/search", json={"account_names": [self._account], "limit": 1000}).json()
            return any(row["order_id"] == order_id and row["status"] == "FILLED" for row in page["data"])

        eventually(filled, "the order is filled")

    def differences(self, **filters: str) -> list[dict[str, Any]]:
        """The account's differences, newest first."""
        answer = self._http.get("/trading/reconciliation", params={"account_names": self._account, **filters})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def told(self, count: int) -> list[dict[str, Any]]:
        """The differences once there are so many."""

        def enough() -> list[dict[str, Any]] | None:
            found = self.differences()
            return found if len(found) >= count else None

        return list(eventually(enough, f"{count} differences are told") or ())


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, auth=(USERNAME, PASSWORD), timeout=60) as client:
        yield client


def test_a_trade_behind_our_back_is_told_with_its_evidence_and_settled(stack: Stack, http: httpx.Client) -> None:
    keys = stack.sandbox_account()
    exchange, books = Exchange(stack, keys), Books(http, "watched")
    books.connect(keys)
    books.order("BUY", "0.1")
    # Funding moves money, not the position.
    stack.run("sandbox", "futures", "fund", "BTCUSDT", "--rate", "0.001")
    exchange.order("SELL", "0.04")
    [row] = books.told(1)
    amounts = {name: Decimal(row[name]) for name in ("filled_amount", "external_amount", "exchange_amount", "unexplained")}
    assert amounts == {
        "filled_amount": Decimal("0.1"),
        "external_amount": Decimal("-0.04"),
        "exchange_amount": exchange.held(),
        "unexplained": Decimal(0),
    }
    assert (row["status"], row["reasons"], row["trades_listed"]) == ("OPEN", ["EXTERNAL_TRADE"], True)
    their = {str(trade["id"]) for trade in exchange.books()["trades"]}
    assert {each.rsplit("_", 1)[1] for each in row["external_trades"]} < their
    books.order("SELL", "0.02")
    exchange.order("BUY", "0.04")
    eventually(lambda: books.differences(status="AGREED"), "the amounts agree again")
    assert books.differences(status="OPEN") == []
    assert len(books.differences()) == 1
    with SyncHummingbotAPIClient(stack.url, USERNAME, PASSWORD) as client:
        [position] = client.trading.get_positions(account_names=["watched"])["data"]
    assert set(position) == {
        "account_name", "connector_name", "trading_pair", "side", "amount", "entry_price", "unrealized_pnl", "leverage",
    }  # fmt: skip
    assert Decimal(str(position["amount"])) == exchange.held() == Decimal("0.08")


def test_a_liquidation_is_called_one(stack: Stack, http: httpx.Client) -> None:
    keys = stack.sandbox_account()
    exchange, books = Exchange(stack, keys), Books(http, "liquidated")
    books.connect(keys)
    books.order("BUY", "0.5")
    free = Decimal(exchange.books()["available"]) * Decimal("0.99")
    stack.run("sandbox", "futures", "withdraw", keys["api_key"], str(free.quantize(Decimal("0.01"))))
    stack.run("sandbox", "futures", "fund", "BTCUSDT", "--rate", "0.1")
    eventually(lambda: exchange.held() == 0, "the exchange closed the position")
    [row] = books.told(1)
    assert (Decimal(row["filled_amount"]), Decimal(row["exchange_amount"])) == (Decimal("0.5"), Decimal(0))
    assert (Decimal(row["unexplained"]), row["reasons"]) == (Decimal(0), ["LIQUIDATION"])


def test_a_position_of_before_is_named_and_kept_apart(stack: Stack, http: httpx.Client) -> None:
    keys = stack.sandbox_account()
    exchange, books = Exchange(stack, keys), Books(http, "older")
    exchange.order("BUY", "0.2")
    opened = time.monotonic()
    eventually(lambda: time.monotonic() - opened > SETTLE + 1, "the position is older than any difference of clocks")
    books.connect(keys)
    books.order("BUY", "0.1")
    [row] = books.told(1)
    # Executions of the minutes before are listed; what is older is proven by the position's own time.
    assert Decimal(row["held_before"]) + Decimal(row["external_amount"]) == Decimal(row["difference"]) == Decimal("0.2")
    assert (Decimal(row["unexplained"]), row["status"]) == (Decimal(0), "OPEN")
    assert set(row["reasons"]) <= {"HELD_BEFORE", "EXTERNAL_TRADE"}
