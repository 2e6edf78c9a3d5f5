"""Every route: what goes on the bus, and what comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from contracts import naming
from contracts.accounts import (
    AccountUnknown,
    AddCredential,
    CreateAccount,
    DeleteAccount,
    DeleteCredential,
    GetPortfolioHistory,
    GetPortfolioState,
    OrdersOpen,
    RefreshPortfolio,
)
from contracts.trading import CancelOrder, CancelOrders, GetTradingRules, PlaceOrder, SearchOrders, SearchTrades, Side
from fake_services import ANSWERS, ORDER, FakeServices, session_subject
from service_kit.bus import NoAnswer

READS: list[tuple[str, str, object, str]] = [
    ("GET", "/accounts/", None, "ListAccounts"),
    ("GET", "/accounts/master_account/credentials", None, "ListCredentials"),
    ("GET", "/connectors/", None, "ListConnectors"),
    ("GET", "/connectors/binance/config-map", None, "GetConfigMap"),
    ("GET", "/connectors/binance/trading-rules", None, "GetTradingRules"),
    ("GET", "/connectors/binance/order-types", None, "GetOrderTypes"),
    ("POST", "/portfolio/state", {}, "GetPortfolioState"),
    ("POST", "/portfolio/history", {}, "GetPortfolioHistory"),
    ("POST", "/portfolio/distribution", {}, "GetPortfolioDistribution"),
    ("GET", "/portfolio/accounts-distribution", None, "GetAccountsDistribution"),
    ("POST", "/trading/orders/active", {}, "ActiveOrders"),
    ("POST", "/trading/orders/search", {}, "SearchOrders"),
    ("POST", "/trading/trades", {}, "SearchTrades"),
    ("POST", "/trading/funding-payments", {}, "SearchFundingPayments"),
]


@pytest.mark.parametrize(("method", "path", "body", "query"), READS)
async def test_reads_relay_the_owners_bytes(
    http: httpx.AsyncClient, services: FakeServices, method: str, path: str, body: object, query: str
) -> None:
    response = await http.request(method, path, json=body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == ANSWERS[query]
    assert [type(sent.message).__name__ for sent in services.sent] == [query]
    assert services.last.subject == naming.query_subject(type(services.last.message))  # type: ignore[arg-type]
    assert services.last.metadata.actor == "trader"


ACCOUNT_COMMANDS = [
    ("/accounts/add-account?account_name=a", None, 201, "Account added successfully.", CreateAccount(account="a")),
    ("/accounts/delete-account?account_name=a", None, 200, "Account deleted successfully.", DeleteAccount(account="a")),
    (
        "/accounts/delete-account?account_name=a&force=true",
        None,
        200,
        "Account deleted successfully.",
        DeleteAccount(account="a", force=True),
    ),
    (
        "/accounts/delete-credential/a/binance",
        None,
        200,
        "Credential deleted successfully.",
        DeleteCredential(account="a", connector="binance"),
    ),
    (
        "/accounts/delete-credential/a/binance?force=true",
        None,
        200,
        "Credential deleted successfully.",
        DeleteCredential(account="a", connector="binance", force=True),
    ),
    (
        "/accounts/add-credential/a/binance",
        {"key": "k", "number": 12, "flag": True},
        201,
        "Connector credentials added successfully.",
        AddCredential(account="a", connector="binance", values={"key": "k", "number": "12", "flag": "true"}),
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "message", "command"), ACCOUNT_COMMANDS)
async def test_account_commands(
    http: httpx.AsyncClient, services: FakeServices, path: str, body: object, status: int, message: str, command: AddCredential
) -> None:
    response = await http.post(path, json=body)
    assert (response.status_code, response.json()) == (status, {"message": message})
    assert services.last.message == command
    assert services.last.subject == naming.command_subject(type(command))


async def test_unknown_account_of_a_credential_follows_the_contract(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["AddCredential"] = services.answers["DeleteCredential"] = AccountUnknown("Account 'x' not found")
    added = await http.post("/accounts/add-credential/x/binance", json={"k": "v"})
    assert (added.status_code, added.json()["status"], added.json()["detail"]) == (400, 400, "Account 'x' not found")
    deleted = await http.post("/accounts/delete-credential/x/binance")
    assert (deleted.status_code, deleted.json()) == (200, {"message": "Credential deleted successfully."})


async def test_refusals_are_problems_with_the_contracts_detail(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["DeleteAccount"] = OrdersOpen("2 orders are open", field="force")
    response = await http.post("/accounts/delete-account", params={"account_name": "a"})
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "2 orders are open",
        "code": "OrdersOpen",
        "field": "force",
    }


ORDER_BODY = {
    "account_name": "master_account",
    "connector_name": "binance",
    "trading_pair": "BTC-USDT",
    "trade_type": "BUY",
    "amount": "0.1",
    "price": "60000",
}


async def test_place_order(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/trading/orders", json=ORDER_BODY)
    assert (response.status_code, response.json()) == (201, ORDER)
    assert services.last.subject == session_subject(PlaceOrder)
    assert services.last.message == PlaceOrder(
        account="master_account",
        connector="binance",
        trading_pair="BTC-USDT",
        side="BUY",
        order_type="LIMIT",
        amount="0.1",
        price="60000",
    )


async def test_numbers_keep_every_digit(http: httpx.AsyncClient, services: FakeServices) -> None:
    body = (
        '{"account_name":"master_account","connector_name":"binance","trading_pair":"BTC-USDT","trade_type":"SELL",'
        '"amount":0.12345678901234567890123,"price":1e-7,"unknown_field":[1]}'
    )
    response = await http.post("/trading/orders", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 201
    placed = services.last.message
    assert isinstance(placed, PlaceOrder)
    assert (placed.amount, placed.price) == (Decimal("0.12345678901234567890123"), Decimal("1E-7"))


async def test_cancel_order(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/trading/master_account/binance/orders/o-1/cancel")
    assert (response.status_code, response.json()) == (200, {"message": "Order cancellation initiated for o-1"})
    assert services.last.message == CancelOrder(account="master_account", connector="binance", order_id="o-1")
    assert services.last.subject == session_subject(CancelOrder)


async def test_cancel_all(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/trading/master_account/binance/orders/cancel-all", params={"trading_pair": "BTC-USDT"})
    assert response.status_code == 200
    assert response.json() == {"message": "Cancellation initiated for 2 orders", "order_ids": ["o-1", "o-2"]}
    assert services.last.message == CancelOrders(account="master_account", connector="binance", trading_pair="BTC-USDT")


async def test_filters_reach_the_query(http: httpx.AsyncClient, services: FakeServices) -> None:
    body = {
        "limit": 7,
        "cursor": "c",
        "start_time": 1_700_000_000,
        "end_time": 1_700_000_000_500,
        "account_names": ["a"],
        "connector_names": [],
        "trading_pairs": ["BTC-USDT"],
        "status": "FILLED",
    }
    await http.post("/trading/orders/search", json=body)
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert services.last.message == SearchOrders(
        limit=7,
        cursor="c",
        start_time=moment,
        end_time=moment.replace(microsecond=500_000),
        account_names=("a",),
        trading_pairs=("BTC-USDT",),
        status="FILLED",
    )
    await http.post("/trading/trades", json={"trade_types": ["BUY"], "start_time": 1_700_000_000.25})
    assert services.last.message == SearchTrades(trade_types=(Side.BUY,), start_time=moment.replace(microsecond=250_000))


async def test_history_without_interval_is_raw(http: httpx.AsyncClient, services: FakeServices) -> None:
    await http.post("/portfolio/history", json={"interval": None, "limit": 3})
    assert services.last.message == GetPortfolioHistory(limit=3, interval="5m")
    await http.post("/portfolio/history", json={"interval": "1d"})
    assert services.last.message == GetPortfolioHistory(interval="1d")


async def test_trading_rules_of_some_pairs(http: httpx.AsyncClient, services: FakeServices) -> None:
    await http.get("/connectors/binance/trading-rules", params=[("trading_pairs", "A-B"), ("trading_pairs", "C-D")])
    assert services.last.message == GetTradingRules(connector="binance", trading_pairs=("A-B", "C-D"))


async def test_refresh_comes_before_the_state(http: httpx.AsyncClient, services: FakeServices) -> None:
    response = await http.post("/portfolio/state", json={"refresh": True, "account_names": ["a"], "skip_gateway": True})
    assert [type(sent.message) for sent in services.sent] == [RefreshPortfolio, GetPortfolioState]
    assert services.sent[0].message == RefreshPortfolio(account_names=("a",))
    assert "x-refresh-failed" not in response.headers


async def test_a_failed_refresh_still_answers(http: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["RefreshPortfolio"] = {"refreshed": [], "failed": {"b.kraken": "timeout", "a.okx": "maintenance"}}
    response = await http.post("/portfolio/state", json={"refresh": True})
    assert (response.status_code, response.headers["x-refresh-failed"]) == (200, "a.okx,b.kraken")
    services.answers["RefreshPortfolio"] = NoAnswer("No answer")
    response = await http.post("/portfolio/state", json={"refresh": True})
    assert (response.status_code, response.headers["x-refresh-failed"]) == (200, "*")


async def test_root_and_health_are_open(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/")
    assert response.json() == {"name": "Hummingbot API", "version": "1.0.1", "status": "running"}
    response = await anonymous.get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "venue": "sandbox",
        "services": {
            "gateway-api": {"status": "ready"},
            "accounts": {"status": "ready", "version": "0.1.0", "replica": "r1"},
            "trading": {"status": "ready", "version": "0.1.0", "replica": "r1"},
        },
    }


async def test_health_says_who_is_not_ready(anonymous: httpx.AsyncClient, services: FakeServices) -> None:
    services.answers["GetHealth"] = {"status": "not_ready", "venue": "sandbox", "checks": {"bus": None, "tasks": "relay: down"}}
    response = await anonymous.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, "not_ready")
    assert response.json()["services"]["trading"]["reason"] == "tasks: relay: down"
    services.answers["GetHealth"] = {"status": "ready", "venue": "live", "checks": {}}
    response = await anonymous.get("/health")
    assert (response.status_code, response.json()["services"]["trading"]["reason"]) == (503, "runs in the venue live")
    services.nobody_serves("GetHealth")
    response = await anonymous.get("/health")
    assert response.json()["services"]["trading"] == {"status": "not_ready", "reason": "Nobody serves GetHealth now"}
